"""The log file of each process of the local stack: appended to, capped, and read back for a reason."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

LARGEST = 32 * 1024 * 1024  # bytes of one file before it is rotated
_KEPT = 3  # older files: NAME.log.1 is the youngest


def open_log(path: Path) -> BinaryIO:
    """Open `path` for appending, rotated first when it has grown too large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rotate(path)
    return path.open("ab")


def rotate(path: Path, largest: int = LARGEST) -> None:
    """Move the content of a file over `largest` bytes aside; the process that appends to it need not reopen it."""
    if not path.exists() or path.stat().st_size <= largest:
        return
    for age in range(_KEPT, 1, -1):
        younger = path.with_name(f"{path.name}.{age - 1}")
        if younger.exists():
            younger.replace(path.with_name(f"{path.name}.{age}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)  # lines written between copy and truncation are lost: a second's worth at most


def last_line(path: Path) -> str:
    """The last line that is not empty, at most 300 characters; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 8192))
            lines = log.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
