"""One decoder process: `python -m workers.images.decoder_process FD PARENT RECIPE LIMITS`; started by `decoders.py`.

Light on purpose: no torch, no client of Kafka or Milvus (45 MB, a quarter of a second).
"""

import contextlib
import json
import os
import resource
import socket
import sys
import threading
import time
from dataclasses import asdict

from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.decode import decode
from workers.images.limits import ImageLimits
from workers.images.message_framing import receive, send

WATCH_SECONDS = 1.0
PIXELS, REASON = b"p", b"r"
"""How an answer begins: height × width × 3 bytes follow, or a reason, a line break and an error."""


def arguments(fd: int, recipe: Recipe, limits: ImageLimits) -> list[str]:
    """The command line after the module's name."""
    return [str(fd), str(os.getpid()), recipe.model_dump_json(), json.dumps(asdict(limits))]


def main(fd: int, parent: int, recipe: Recipe, limits: ImageLimits) -> None:
    """Answer each image (bytes) with its pixels, or with why it can't be decoded, until the worker is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with contextlib.suppress(OSError, ValueError):  # a lower limit of the operator's own stands
        resource.setrlimit(resource.RLIMIT_AS, (limits.decode_memory, limits.decode_memory))
    with socket.socket(fileno=fd) as worker, contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send(worker, b"ready")
        while True:
            send(worker, _answer(receive(worker, sys.maxsize), recipe, limits))


def _answer(image: bytes, recipe: Recipe, limits: ImageLimits) -> bytes:
    try:
        return PIXELS + decode(image, recipe, max_pixels=limits.pixels, formats=limits.formats).tobytes()
    except BadMessage as bad:
        return REASON + f"{bad.reason}\n{bad.error}".encode()


def _end_with(parent: int) -> None:
    """A worker that was killed closes the connection, but that is not read in the middle of an image."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        int(sys.argv[2]),
        Recipe.model_validate_json(sys.argv[3]),
        ImageLimits(**json.loads(sys.argv[4])),
    )
