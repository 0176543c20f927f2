"""Decoding in processes of their own: a picture that crashes, hangs or fills its decoder costs itself and no other.

Each process has a connection of its own and one caller at a time. Why it is no pool with one queue for all:
docs/decisions/2026-11-23-decoder-processes.md.
"""

import math
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np
import structlog

from schemas.model import Recipe
from streams.failures import BadMessage, Broken
from workers.images.decode import Pixels
from workers.images.decoder import PIXELS
from workers.images.limits import ImageLimits

START_SECONDS = 60.0
"""For a process to import what it needs: a quarter of a second on a quiet machine."""
ATTEMPTS = 2
"""A process may have been killed, or kept from running, by something else than the picture; hardly twice in a row."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # each of its threads reserves address space, and none is needed
    # What a picture took stays for the next one, up to 64 MB: giving it back and faulting it in again costs 0.7 ms.
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}

_log = structlog.get_logger(__name__)


class Closed(Exception):
    """The decoders were closed: nothing is said about the picture."""


class Decoders:
    """`count` decoder processes, all started at once, and each started again when it is lost."""

    def __init__(self, recipe: Recipe, limits: ImageLimits, count: int) -> None:
        self._limits = limits
        self._all = [_Decoder(recipe, limits) for _ in range(count)]
        self._free: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
        for each in self._all:
            self._free.put(each)
        self._lock = threading.Lock()
        self._closed = False

    def decode(self, image: bytes) -> Pixels:
        """The pixels of `image`; waits for a free process, so at best there are as many callers as processes.

        Raises BadMessage (image-undecodable, image-too-large), Closed, and Broken where no process can be started.
        """
        decoder, why = self._free.get(), ""
        try:
            for _ in range(ATTEMPTS):
                self._make_ready(decoder)
                try:
                    return decoder.decode(image)
                except TimeoutError:
                    why = f"decoding it took longer than {self._limits.decode_seconds:g} s"
                except (EOFError, OSError):
                    why = "the decoder process died on it"
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
            _log.warning("decoder_lost", why=why, status=decoder.kill())
            decoder.start()


class _Decoder:
    """One process and the connection to it; for one caller at a time."""

    def __init__(self, recipe: Recipe, limits: ImageLimits) -> None:
        self._recipe, self._limits = recipe, limits
        self._process: subprocess.Popen[bytes]
        self._connection: Connection
        self.start()

    def start(self) -> None:
        """Start the process; returns before it is ready."""
        self._ready = False
        self._connection, theirs = Pipe()
        _limit_sending(self._connection, self._limits.decode_seconds)
        fd = theirs.fileno()
        chosen = (fd, os.getpid(), self._recipe.model_dump_json(), self._limits.pixels, self._limits.decode_memory)
        secrets = {name for name in os.environ if name.startswith("LOOKALIKE_")}  # no decoder needs to know those
        environment = {name: value for name, value in os.environ.items() if name not in secrets} | _ENVIRONMENT
        command = [sys.executable, "-P", "-m", "workers.images.decoder", *map(str, chosen)]
        # What is blocked here stays so in the child: Ctrl-C and SIGTERM to the whole group are the worker's to handle.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._process = subprocess.Popen(command, env=environment, pass_fds=[fd], stdin=subprocess.DEVNULL)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def decode(self, image: bytes) -> Pixels:
        """As `decode.decode`, once it is ready; raises TimeoutError where it takes too long, EOFError or OSError where
        it died."""
        try:
            self._connection.send_bytes(image)
        except BlockingIOError:
            raise TimeoutError from None
        if not self._connection.poll(self._limits.decode_seconds):
            raise TimeoutError
        # Plain bytes, never pickled objects: a picture may have made the process another's.
        answer = self._connection.recv_bytes()
        shape = (self._recipe.height, self._recipe.width, 3)
        if answer[:1] == PIXELS and len(answer) == 1 + math.prod(shape):
            return np.frombuffer(answer, np.uint8, offset=1).reshape(shape)
        reason, _, error = answer[1:].decode(errors="replace").partition("\n")
        raise BadMessage("image-too-large" if reason == "image-too-large" else "image-undecodable", error[:300])

    def kill(self) -> int:
        """End the process; returns its exit status."""
        self._process.kill()
        return self._process.wait()

    def await_ready(self) -> None:
        """Wait until it has imported what it needs; raises Broken where it does not come to that."""
        if self._ready:
            return
        if not self._connection.poll(START_SECONDS):
            raise Broken(f"a decoder process was not ready after {START_SECONDS:.0f} s")
        try:
            self._connection.recv_bytes()
        except (EOFError, OSError):
            raise Broken(f"a decoder process ended before it was ready, with status {self.kill()}") from None
        self._ready = True


def _limit_sending(connection: Connection, seconds: float) -> None:
    """Give up sending after `seconds`: a process that stands still takes no more than fits in the socket's buffer."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
