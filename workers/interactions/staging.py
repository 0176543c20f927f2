"""How files get in place: written below a staging folder, sealed by one rename, then moved, as often as it takes.

    stage    .staging/<owner>/<batch>/day=…/<name>   nobody reads it; swept where its owner is dead
    seal     .ready/<batch>/day=…/<name>             one rename: from here on the batch counts, whole
    place    day=…/<name>                            whoever comes first moves what is left to move

Killed before the seal, nothing has happened, and the records are read again. Killed after it, the next start places the
files before it looks where to go on. So a record is in one file, once.
"""

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from workers.interactions.layout import LOCKS, READY, STAGING
from workers.interactions.locks import DAYS, Lock, hold_lock, staging_lock
from workers.interactions.schema import COLUMNS, SHELF_TEXTS
from workers.process.atomic_write import fsync

_DICTIONARY = [
    "event",
    *(name for name in SHELF_TEXTS if name not in ("query", "user", "session")),
    *(f"items.list.element.{name}" for name in ("team", "category", "seller_id", "status")),
]
"""Columns with few distinct values. A dictionary for a column of ids costs time and saves no space."""

_STATISTICS = ["event", "at", "recorded_at", "partition", "offset"]
"""Columns whose least and highest values help a reader to leave out what it does not look for."""


@dataclass(frozen=True)
class NewFile:
    """A file to be: its day, its name, its rows."""

    day: str
    name: str
    rows: Any
    """A pyarrow Table as `COLUMNS`."""


class Staging:
    """A staging folder of our own in a shared folder of interactions; `close` takes it away."""

    def __init__(self, folder: Path, path: Path, lock: Lock) -> None:
        self.folder, self.path, self._lock = folder, path, lock

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new one; locked before it is there, so that nobody sweeps it."""
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        lock = Lock.acquire(folder, staging_lock(owner), wait=True)
        assert lock is not None  # noqa: S101 - it was waited for
        path = folder / STAGING / owner
        path.mkdir(parents=True)
        (folder / READY).mkdir(exist_ok=True)
        return cls(folder, path, lock)

    def close(self) -> None:
        """Take it away, with whatever is left in it."""
        _remove(self.folder, self.path)
        self._lock.release()


def stage(staging: Staging, files: Iterable[NewFile]) -> Path:
    """Write the files of a batch where nobody reads them, and see that they are on the disk; returns their folder."""
    batch = staging.path / secrets.token_hex(8)
    try:
        for each in files:
            write_file(batch / f"day={each.day}" / each.name, each.rows)
        for folder in [*batch.iterdir(), batch, staging.path]:
            fsync(folder)
    except OSError:
        shutil.rmtree(batch, ignore_errors=True)  # a full disk is not to be kept full by us
        raise
    return batch


def write_file(path: Path, rows: Any) -> None:
    """Write rows as Parquet, to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.select(COLUMNS.names), path, **write_options())
    fsync(path)


def write_options() -> dict[str, Any]:
    """How every file is written."""
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": _DICTIONARY,
        "write_statistics": _STATISTICS,
    }


def commit(staging: Staging, batch: Path) -> Path:
    """The one step at which the batch begins to count; returns where its files are now."""
    ready = staging.folder / READY / batch.name
    batch.rename(ready)
    fsync(ready.parent)
    return ready


def publish(folder: Path, ready: Path) -> None:
    """Move the files of a sealed batch to their days; what another has moved is where it should be."""
    for day in _entries(ready):
        target = folder / day.name
        target.mkdir(exist_ok=True)
        for path in _entries(day):
            with contextlib.suppress(FileNotFoundError):
                path.rename(target / path.name)
        fsync(target)
    fsync(folder)
    shutil.rmtree(ready, ignore_errors=True)  # empty folders by now


def recover(folder: Path) -> int:
    """Place what was sealed and not moved, and sweep what dead owners left; returns how many batches were placed."""
    sealed = _entries(folder / READY)
    with hold_lock(folder, DAYS, shared=True):
        for ready in sealed:
            publish(folder, ready)
    for path in _entries(folder / STAGING):
        lock = Lock.acquire(folder, staging_lock(path.name))
        if lock is not None:
            _remove(folder, path)
            lock.release()
    return len(sealed)


def _remove(folder: Path, staging: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    (folder / LOCKS / staging_lock(staging.name)).unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
