"""Who may do what in a shared folder: locks that the system lets go of when their holder ends, however it ends.

- `partition-<topic>-<n>`, exclusive: who holds it writes this partition's files, and nobody else. The group may think
  otherwise for a while (a frozen recorder that thaws); the files go by the lock.
- `days`, shared while files are put in place or what is forgotten is read for them, exclusive while a day's folder is
  exchanged or something is to be forgotten.
- `rewrite`, exclusive: files are merged, or rows removed from them, by one process at a time.
- `staging-<id>`, exclusive: the owner of a staging folder lives.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TextIO

from workers.interactions.layout import LOCKS

DAYS, REWRITE = "days", "rewrite"


class Lock:
    """A held lock; `release` gives it up."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    def acquire(cls, folder: Path, name: str, *, shared: bool = False, wait: bool = False) -> Self | None:
        """The lock of that name; None where another holds it and `wait` is not asked for."""
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
        file = (folder / LOCKS / name).open("a")
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:
            file.close()
            raise
        return cls(file)

    def release(self) -> None:
        """Let go; safe to repeat."""
        self._file.close()


@contextlib.contextmanager
def hold_lock(folder: Path, name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock for the time of the block; waits for it."""
    lock = Lock.acquire(folder, name, shared=shared, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def partition_lock(topic: str, partition: int) -> str:
    """The name of the lock of a partition."""
    return f"partition-{topic}-{partition}"


def staging_lock(owner: str) -> str:
    """The name of the lock of a staging folder."""
    return f"staging-{owner}"
