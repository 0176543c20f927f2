"""Atomic writes: a file or a folder appears under its name complete, or not at all.

    write   .new-<random>-<name>   in the target's own folder: a rename is one step only within one file system
    fsync   the content            with `durable`
    rename  <name>                 one step: a reader opens the old content or the new, never a part of each
    fsync   the target's folder    with `durable`

What is on disk after a crash right behind the call:

- The process dies: the new content, with and without `durable`. If it dies before the rename, the old content, and a
  hidden file that readers of the folder must skip by its leading dot.
- The machine dies: the new content with `durable`. Without it, the old content, the new, or on some file systems an
  empty file.

So `durable=True` is for what nobody could compute again: recorded offsets, erasures. It costs two fsyncs, some
milliseconds each. `durable=False` is for state that the next start rewrites: ready files, caches, reports.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


def write_text(path: Path, text: str, *, durable: bool) -> None:
    """Write `text` as UTF-8. Raises OSError; then `path` is as it was, and nothing is left beside it."""
    write_bytes(path, text.encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool) -> None:
    """Write `content`. Raises OSError; then `path` is as it was, and nothing is left beside it."""
    with new_file(path, durable=durable) as new:
        new.write_bytes(content)


@contextlib.contextmanager
def new_file(path: Path, *, durable: bool) -> Iterator[Path]:
    """Yield the path that the block writes the new file to, with the suffix of `path`; it replaces `path` at the end.

    If the block raises, `path` is as it was, and nothing is left beside it.
    """
    new = _hidden_name(path)
    try:
        yield new
        if durable:
            fsync(new)
        replace(new, path, durable=durable)
    finally:
        new.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path, *, durable: bool) -> Iterator[Path]:
    """Yield an empty folder that the block fills; at the end it becomes `path`, and an older folder there is removed.

    With an older folder it is two renames: a process that dies between them leaves no folder at `path`. If the block
    raises, `path` is as it was, and nothing is left beside it.
    """
    new, old = _hidden_name(path), _hidden_name(path)
    new.mkdir(parents=True)
    try:
        yield new
        if durable:
            for each in [*new.rglob("*"), new]:
                fsync(each)
        if path.is_dir():
            path.rename(old)
        replace(new, path, durable=durable)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def replace(new: Path, path: Path, *, durable: bool) -> None:
    """Rename `new` to `path`, on the same file system; the content of `new` is the caller's to fsync."""
    new.replace(path)
    if durable:
        fsync(path.parent)


def fsync(path: Path) -> None:
    """Flush the content of a file, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hidden_name(path: Path) -> Path:
    return path.with_name(f".new-{secrets.token_hex(4)}-{path.name}")
