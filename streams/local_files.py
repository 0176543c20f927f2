"""Local files that are damaged, can't be read or can't be written: one line with the path and what to do."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from streams.errors import LookalikeError, UsageError

_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What a parser raises for 0 bytes, half a document, other bytes, and a document of another kind."""


@contextlib.contextmanager
def local_file(path: Path, remedy: str) -> Iterator[None]:
    """Around reading or writing `path`; `remedy` says what to do if its content is damaged.

    Raises UsageError for a damaged file, LookalikeError for one that can't be read or written: permissions, a folder in
    its place, a full disk.
    """
    try:
        yield
    except OSError as error:
        raise LookalikeError(unusable(Path(error.filename or path), error.strerror or str(error))) from error
    except sqlite3.OperationalError as error:  # locked, read-only, full, no file can be opened
        raise LookalikeError(unusable(path, str(error))) from error
    except (sqlite3.DatabaseError, *_DAMAGE) as error:
        raise UsageError(f"{path} is damaged ({_said(error)}); {remedy}") from error


def unusable(path: Path, why: str) -> str:
    """That a file can't be read or written, and what to do."""
    return f"{path} can't be read or written: {why}; see to its permissions and to the room on the disk, then try again"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:200]
