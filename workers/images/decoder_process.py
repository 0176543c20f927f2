"""One decoder process: `python -m workers.images.decoder_process FD PARENT RECIPE LIMITS`; started by
`decoder_pool.py`.

Imports little on purpose, no torch and no client of Kafka or Milvus: it starts in 0.25 s and takes 45 MB.
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
"""The first byte of an answer: then follow height × width × 3 bytes, or a reason, a line break and an error."""


def arguments(fd: int, recipe: Recipe, limits: ImageLimits) -> list[str]:
    """The command line after the module's name."""
    return [str(fd), str(os.getpid()), recipe.model_dump_json(), json.dumps(asdict(limits))]


def main(fd: int, parent: int, recipe: Recipe, limits: ImageLimits) -> None:
    """Answer each image (bytes) with its pixels, or the reason that it can't be decoded, until the worker is gone."""
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    with contextlib.suppress(OSError, ValueError):  # the operator has set a lower limit
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


def _exit_with(parent: int) -> None:
    """Exit once the parent is gone: a closed connection goes unnoticed while an image is decoded."""
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
