"""One decoder process: `python -m workers.images.decoder FD PARENT RECIPE PIXELS MEMORY`; started by `decoders.py`.

Light on purpose: no torch, no client of Kafka or Milvus (45 MB, a quarter of a second).
"""

import contextlib
import os
import resource
import sys
import threading
import time
from multiprocessing.connection import Connection

from schemas.model import Recipe
from streams.failures import BadMessage
from workers.images.decode import decode

WATCH_SECONDS = 1.0
PIXELS, REASON = b"p", b"r"
"""How an answer begins: height × width × 3 bytes follow, or a reason, a line break and an error."""


def main(fd: int, parent: int, recipe: Recipe, max_pixels: int, memory: int) -> None:
    """Answer each image (bytes) with its pixels, or with why it can't be decoded, until the worker is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with contextlib.suppress(OSError, ValueError):  # a lower limit of the operator's own stands
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with Connection(fd) as worker, contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        worker.send_bytes(b"ready")
        while True:
            worker.send_bytes(_answer(worker.recv_bytes(), recipe, max_pixels))


def _answer(image: bytes, recipe: Recipe, max_pixels: int) -> bytes:
    try:
        return PIXELS + decode(image, recipe, max_pixels=max_pixels).tobytes()
    except BadMessage as bad:
        return REASON + f"{bad.reason}\n{bad.error}".encode()


def _end_with(parent: int) -> None:
    """A worker that was killed closes the connection, but that is not read in the middle of an image."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(
        int(sys.argv[1]), int(sys.argv[2]), Recipe.model_validate_json(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
    )
