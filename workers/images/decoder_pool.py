"""Decoding in processes of their own: a picture that crashes, hangs or fills its decoder costs itself and no other.

Each process has a connection of its own and one caller at a time. Why it is no pool with one queue for all:
docs/decisions/2026-11-23-decoder-processes.md.
"""

import contextlib
import math
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import structlog

from schemas.model import Recipe
from streams.errors import BadMessage, Broken
from workers.images.decode import Pixels
from workers.images.decoder_process import PIXELS, arguments
from workers.images.limits import ImageLimits
from workers.images.message_framing import receive, send

START_SECONDS = 60.0
"""For a process to import what it needs: a quarter of a second on a quiet machine."""
ATTEMPTS = 2
"""A process may have been killed, or kept from running, by something else than the picture; hardly twice in a row.
A picture that takes all of its time is not tried again: it would take it twice."""
_WORDS_MOST = 4_000
"""Bytes of a reason and an error."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # each of its threads reserves address space, and none is needed
    # What a picture took stays for the next one, up to 64 MB: giving it back and faulting it in again costs 0.7 ms.
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}

_SECRETS = re.compile(
    r"(LOOKALIKE|AWS|GOOGLE|GCP|GCS|CLOUDSDK)_|.*(SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|API_?KEY)", re.IGNORECASE
)
"""Names of variables that no decoder needs to know: a picture may make it another's. Those of object stores too."""

_log = structlog.get_logger(__name__)


class Closed(Exception):
    """The decoders were closed: nothing is said about the picture."""


class GivenUp(Exception):
    """The picture was given up while it was decoded: nothing is said about it."""


class Call:
    """One picture's way through the decoders, which may be given up from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder: _Decoder | None = None
        self.given_up = False
        self.seconds = 0.0
        """For how long it was in a decoder."""
        self._entered_at = math.inf

    def elapsed(self, now: float) -> float:
        """For how long it has been in a decoder by `now`, in monotonic seconds; waiting for one to be ready is none."""
        return self.seconds + max(0.0, now - self._entered_at)

    def give_up(self) -> None:
        """End the process that decodes it, if one does: whoever waits for it gets GivenUp."""
        with self._lock:
            self.given_up = True
            if self._decoder is not None:
                self._decoder.end()

    @contextlib.contextmanager
    def held(self, decoder: "_Decoder") -> Iterator[None]:
        """While `decoder` has it; raises GivenUp if it is too late for that."""
        with self._lock:
            if self.given_up:
                raise GivenUp
            self._decoder = decoder
        self._entered_at = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._decoder = None
            self.seconds, self._entered_at = self.elapsed(time.monotonic()), math.inf


class DecoderPool:
    """`count` decoder processes, all started at once, and each started again when it is lost."""

    def __init__(self, recipe: Recipe, limits: ImageLimits, count: int) -> None:
        self._limits = limits
        self._all = [_Decoder(recipe, limits) for _ in range(count)]
        self._free: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
        for each in self._all:
            self._free.put(each)
        self._lock = threading.Lock()
        self._closed = False

    def decode(self, image: bytes, call: Call | None = None) -> Pixels:
        """The pixels of `image`; waits for a free process, so at best there are as many callers as processes.

        Raises BadMessage (image-undecodable, image-too-large), GivenUp if its call was, Closed, and Broken where no
        process can be started.
        """
        decoder, why, call = self._free.get(), "", call or Call()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                self._make_ready(decoder)
                try:
                    with call.held(decoder):
                        return decoder.decode(image)
                except TimeoutError:
                    why = f"decoding it took longer than {self._limits.decode_seconds:g} s"
                    self._start_again(decoder, why)
                    raise BadMessage("image-undecodable", why, attempts=attempt) from None
                except (EOFError, OSError):
                    why = "the decoder process died on it"
                if call.given_up:
                    self._start_again(decoder, "its picture kept others waiting")
                    raise GivenUp
                self._start_again(decoder, why)
            raise BadMessage("image-undecodable", why, attempts=ATTEMPTS)
        finally:
            self._free.put(decoder)

    def close(self) -> None:
        """End the processes; a picture that is in one raises Closed."""
        with self._lock:
            self._closed = True
            for each in self._all:
                each.kill()

    def _make_ready(self, decoder: "_Decoder") -> None:
        """A start that failed once may have been killed by something else; raises Broken where two in a row fail."""
        try:
            decoder.await_ready()
        except Broken as failed:
            self._start_again(decoder, str(failed))
            decoder.await_ready()

    def _start_again(self, decoder: "_Decoder", why: str) -> None:
        with self._lock:
            if self._closed:
                raise Closed
            _log.warning("decoder_lost", why=why, status=decoder.restart())


class _Decoder:
    """One process and the connection to it; for one caller at a time."""

    def __init__(self, recipe: Recipe, limits: ImageLimits) -> None:
        self._recipe, self._limits = recipe, limits
        self._process: subprocess.Popen[bytes]
        self._socket: socket.socket
        self.start()

    def restart(self) -> int:
        """Another process in place of this one, whose exit status is returned; for its caller alone."""
        status = self.kill()
        self._socket.close()
        self.start()
        return status

    def start(self) -> None:
        """Start the process; returns before it is ready."""
        self._ready = False
        self._socket, theirs = socket.socketpair()
        kept = {name: value for name, value in os.environ.items() if not _SECRETS.match(name)}
        environment = kept | _ENVIRONMENT
        fd = theirs.fileno()
        command = [
            sys.executable,
            "-P",
            "-m",
            "workers.images.decoder_process",
            *arguments(fd, self._recipe, self._limits),
        ]
        # What is blocked here stays so in the child: Ctrl-C and SIGTERM to the whole group are the worker's to handle.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._process = subprocess.Popen(command, env=environment, pass_fds=[fd], stdin=subprocess.DEVNULL)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def decode(self, image: bytes) -> Pixels:
        """As `decode.decode`, once it is ready; raises TimeoutError if its whole answer has not come in time, EOFError
        or OSError if it died or takes no picture."""
        shape = (self._recipe.height, self._recipe.width, 3)
        try:
            send(self._socket, image, self._limits.decode_seconds)
        except TimeoutError:  # it has not seen the picture
            raise ConnectionError from None
        # Plain bytes, never pickled objects, and no more of them than it may send: a picture may have made the process
        # another's.
        answer = receive(self._socket, max(1 + math.prod(shape), _WORDS_MOST), self._limits.decode_seconds)
        if answer[:1] == PIXELS and len(answer) == 1 + math.prod(shape):
            return np.frombuffer(answer, np.uint8, offset=1).reshape(shape)
        reason, _, error = answer[1:].decode(errors="replace").partition("\n")
        raise BadMessage("image-too-large" if reason == "image-too-large" else "image-undecodable", error[:300])

    def end(self) -> None:
        """Let the process end; for any thread."""
        self._process.kill()

    def kill(self) -> int:
        """End the process; returns its exit status."""
        self._process.kill()
        return self._process.wait()

    def await_ready(self) -> None:
        """Wait until it has imported what it needs; raises Broken where it does not come to that."""
        if self._ready:
            return
        try:
            receive(self._socket, _WORDS_MOST, START_SECONDS)
        except TimeoutError:
            raise Broken(f"a decoder process was not ready after {START_SECONDS:.0f} s") from None
        except (EOFError, OSError):
            raise Broken(f"a decoder process ended before it was ready, with status {self.kill()}") from None
        self._ready = True
