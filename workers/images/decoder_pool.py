"""A pool of decoder processes: a picture that crashes, hangs or fills its decoder affects no other picture.

Each process has its own connection and one caller at a time. Why they do not share one queue:
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
"""For a process to import its modules: a quarter of a second on an idle machine."""
ATTEMPTS = 2
"""A process may have been killed or suspended by something other than the picture, but hardly twice in a row.
A picture that runs into the time limit is not tried again: it would take the time twice."""
_MAX_REASON_BYTES = 4_000
"""Bytes of a reason and an error."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # each of its threads reserves address space; none is needed
    # Memory of a picture, up to 64 MB, is reused for the next one: returning it and faulting it in costs 0.7 ms.
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}

_SECRETS = re.compile(
    r"(LOOKALIKE|AWS|GOOGLE|GCP|GCS|CLOUDSDK)_|.*(SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|API_?KEY)", re.IGNORECASE
)
"""Environment variables that are withheld from decoders, which a hostile picture may take over; those of object stores
too."""

_log = structlog.get_logger(__name__)


class PoolClosed(Exception):
    """The pool was closed: no verdict on the picture."""


class DecodeCancelled(Exception):
    """The decode was cancelled: no verdict on the picture."""


class DecodeCall:
    """One decode, which another thread may cancel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder: _Decoder | None = None
        self.cancelled = False
        self.seconds = 0.0
        """How long the picture was in a decoder."""
        self._entered_at = math.inf

    def elapsed(self, now: float) -> float:
        """Seconds in a decoder until `now` (monotonic), without the wait for the decoder to become ready."""
        return self.seconds + max(0.0, now - self._entered_at)

    def cancel(self) -> None:
        """Cancel the decode, and kill the process that runs it, if any; its caller gets DecodeCancelled."""
        with self._lock:
            self.cancelled = True
            if self._decoder is not None:
                self._decoder.terminate()

    @contextlib.contextmanager
    def running_in(self, decoder: "_Decoder") -> Iterator[None]:
        """Record that `decoder` has the picture; raises DecodeCancelled if the call is cancelled already."""
        with self._lock:
            if self.cancelled:
                raise DecodeCancelled
            self._decoder = decoder
        self._entered_at = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._decoder = None
            self.seconds, self._entered_at = self.elapsed(time.monotonic()), math.inf


class DecoderPool:
    """`count` decoder processes, all started at once, and each restarted if it dies."""

    def __init__(self, recipe: Recipe, limits: ImageLimits, count: int) -> None:
        self._limits = limits
        self._all = [_Decoder(recipe, limits) for _ in range(count)]
        self._free: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
        for decoder in self._all:
            self._free.put(decoder)
        self._lock = threading.Lock()
        self._closed = False

    def decode(self, image: bytes, call: DecodeCall | None = None) -> Pixels:
        """The pixels of `image`; waits for a free process, so there should be as many callers as processes.

        Raises BadMessage (image-undecodable, image-too-large), DecodeCancelled, PoolClosed, and Broken if no process
        can be started.
        """
        decoder, why, call = self._free.get(), "", call or DecodeCall()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                self._make_ready(decoder)
                try:
                    with call.running_in(decoder):
                        return decoder.decode(image)
                except TimeoutError:
                    why = f"decoding it took longer than {self._limits.decode_seconds:g} s"
                    self._restart(decoder, why)
                    raise BadMessage("image-undecodable", why, attempts=attempt) from None
                except (EOFError, OSError):
                    why = "the decoder process died on it"
                if call.cancelled:
                    self._restart(decoder, "its picture kept others waiting")
                    raise DecodeCancelled
                self._restart(decoder, why)
            raise BadMessage("image-undecodable", why, attempts=ATTEMPTS)
        finally:
            self._free.put(decoder)

    def close(self) -> None:
        """Kill the processes; a decode in progress raises PoolClosed."""
        with self._lock:
            self._closed = True
            for decoder in self._all:
                decoder.kill()

    def _make_ready(self, decoder: "_Decoder") -> None:
        """Wait for a decoder, and restart it if its start fails; raises Broken if that start fails too."""
        try:
            decoder.await_ready()
        except Broken as failed:
            self._restart(decoder, str(failed))
            decoder.await_ready()

    def _restart(self, decoder: "_Decoder", why: str) -> None:
        with self._lock:
            if self._closed:
                raise PoolClosed
            _log.warning("decoder_lost", why=why, status=decoder.restart())


class _Decoder:
    """One decoder process and the connection to it; for one caller at a time."""

    def __init__(self, recipe: Recipe, limits: ImageLimits) -> None:
        self._recipe, self._limits = recipe, limits
        self._process: subprocess.Popen[bytes]
        self._socket: socket.socket
        self.start()

    def restart(self) -> int:
        """Replace the process, and return its exit status; only for the current caller."""
        status = self.kill()
        self._socket.close()
        self.start()
        return status

    def start(self) -> None:
        """Start the process; returns before it is ready."""
        self._ready = False
        self._socket, child_socket = socket.socketpair()
        inherited = {name: value for name, value in os.environ.items() if not _SECRETS.match(name)}
        fd = child_socket.fileno()
        command = [
            sys.executable,
            "-P",
            "-m",
            "workers.images.decoder_process",
            *arguments(fd, self._recipe, self._limits),
        ]
        # The child inherits the mask: Ctrl-C and SIGTERM sent to the whole group are for the worker to handle.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._process = subprocess.Popen(
                command, env=inherited | _ENVIRONMENT, pass_fds=[fd], stdin=subprocess.DEVNULL
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            child_socket.close()

    def decode(self, image: bytes) -> Pixels:
        """As `decode.decode`, once it is ready.

        Raises TimeoutError if the whole answer has not arrived in time, EOFError or OSError if the process died or does
        not accept the picture.
        """
        shape = (self._recipe.height, self._recipe.width, 3)
        try:
            send(self._socket, image, self._limits.decode_seconds)
        except TimeoutError:  # the process has not got the picture
            raise ConnectionError from None
        # Raw bytes, never pickled objects, and bounded: a hostile picture may have taken the process over.
        answer = receive(self._socket, max(1 + math.prod(shape), _MAX_REASON_BYTES), self._limits.decode_seconds)
        if answer[:1] == PIXELS and len(answer) == 1 + math.prod(shape):
            return np.frombuffer(answer, np.uint8, offset=1).reshape(shape)
        reason, _, error = answer[1:].decode(errors="replace").partition("\n")
        raise BadMessage("image-too-large" if reason == "image-too-large" else "image-undecodable", error[:300])

    def terminate(self) -> None:
        """Kill the process without waiting for its end; thread-safe."""
        self._process.kill()

    def kill(self) -> int:
        """Kill the process; returns its exit status."""
        self._process.kill()
        return self._process.wait()

    def await_ready(self) -> None:
        """Wait until the process has imported its modules; raises Broken if it ends first or takes too long."""
        if self._ready:
            return
        try:
            receive(self._socket, _MAX_REASON_BYTES, START_SECONDS)
        except TimeoutError:
            raise Broken(f"a decoder process was not ready after {START_SECONDS:.0f} s") from None
        except (EOFError, OSError):
            raise Broken(f"a decoder process ended before it was ready, with status {self.kill()}") from None
        self._ready = True
