"""Small files become larger ones: neighbours of one day and partition, without a moment in which a reader sees both.

    merge     .staging/<owner>/<id>/day=…/   the merged files, as rows of the old ones in order
    link      the same folder                all other files of the day, as further names of the same data
    exchange  with day=…                     one step: a reader that lists the day gets the old files or the new
    remove    the old folder, now in staging

Killed before the exchange, nothing has changed; after it, what is left in staging is old: swept either way. A recorder
that puts a file into the day waits from link to exchange, some milliseconds. Who listed the old files and opens them
late gets FileNotFoundError, and lists again. Merged rows are compared in number before the exchange.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import structlog

from streams.errors import Broken
from workers.interactions.damaged_files import find_damage, find_damaged_files
from workers.interactions.gaps import Gap, find_gaps
from workers.interactions.layout import DataFile, data_files, days, file_name
from workers.interactions.locks import DAYS, REWRITE, hold_lock
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import Staging, write_options
from workers.process.atomic_write import fsync
from workers.recorder import metrics
from workers.recorder.folder_exchange import exchange
from workers.recorder.gap_watch import GapWatch

LEVELS = (1_000_000, 16_000_000, 256_000_000)
"""Bytes. Files below a level are merged with their like, so a record is rewritten a few times, not each minute; a file
above the last is left alone."""
MIN_FILES = 8
"""Neighbours of a level that are worth merging."""
_EVERY_SECONDS = 60.0
_GROUP_ROWS = 100_000  # rows in a row group; bounds the memory too

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SizedFile:
    """A file and its size in bytes."""

    file: DataFile
    size: int


def files_to_merge(
    files: Iterable[SizedFile], fewest: int = MIN_FILES, missing: Sequence[Gap] = ()
) -> list[list[DataFile]]:
    """Which files of one day are to become one each: neighbours of a partition, by level, small ones first.

    Never over a hole: the merged file's name would answer for what it does not have.
    """
    found: list[list[DataFile]] = []
    ordered = sorted(files, key=lambda each: (each.file.topic, each.file.partition, each.file.first, each.file.last))
    for _, partition in groupby(ordered, key=lambda each: (each.file.topic, each.file.partition)):
        neighbours = list(partition)
        for level in LEVELS:
            chosen = [run for part in _small(neighbours, level) for run in _apart(part, missing) if len(run) >= fewest]
            found += chosen
            if chosen:
                break  # the larger levels are looked at again once these are merged
    return found


def _small(neighbours: list[SizedFile], level: int) -> list[list[DataFile]]:
    """The stretches of neighbours that are all below a level."""
    stretches = groupby(neighbours, key=lambda each: each.size < level)
    return [[each.file for each in stretch] for below, stretch in stretches if below]


def _apart(run: list[DataFile], missing: Sequence[Gap]) -> list[list[DataFile]]:
    """A stretch of neighbours, divided at holes."""
    parts = [run[:1]]
    for before, after in pairwise(run):
        divided = any(
            (hole.topic, hole.partition) == (after.topic, after.partition) and before.first < hole.first < after.first
            for hole in missing
        )
        parts.append([after]) if divided else parts[-1].append(after)
    return parts


def compact_day(folder: Path, staging: Staging, day: str, fewest: int = MIN_FILES) -> int:
    """Merge what is worth it in one day; returns how many files were merged. Raises OSError where it can't be done."""
    with hold_lock(folder, REWRITE):
        files = _sized(folder, day)
        chosen = files_to_merge(files, fewest)
        if chosen:  # only then: all days are listed for it
            chosen = files_to_merge(files, fewest, [*find_gaps(folder), *_damaged(folder, day)])
        if not chosen:
            return 0
        work = staging.path / secrets.token_hex(8)
        try:
            new = work / f"day={day}"
            new.mkdir(parents=True)
            for run in chosen:
                merge(run, new)
            with hold_lock(folder, DAYS):
                link_others(folder / new.name, new, {each.path.name for run in chosen for each in run})
                swap_day(folder, new)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    merged = sum(map(len, chosen))
    metrics.MERGED.inc(merged)
    _log.info("merged", day=day, files=merged, into=len(chosen))
    return merged


def merge(run: Sequence[DataFile], into: Path) -> Path:
    """One file with the rows of all, in order; its name answers for all of their offsets."""
    first, last = run[0], run[-1]
    path = into / file_name(first.topic, first.partition, first.first, max(each.last for each in run))
    rows, waiting = 0, list[Any]()
    with pq.ParquetWriter(path, COLUMNS, **write_options()) as writer:
        for each in run:
            waiting.append(pq.ParquetFile(each.path).read(columns=COLUMNS.names).cast(COLUMNS))
            rows += waiting[-1].num_rows
            if sum(table.num_rows for table in waiting) >= _GROUP_ROWS or each is last:
                writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP_ROWS)
                waiting = []
    fsync(path)
    if (found := pq.read_metadata(path).num_rows) != rows:
        raise Broken(f"{path.name}: {rows} rows were merged and {found} are in it; nothing was replaced")
    return path


def link_others(day: Path, new: Path, merged: set[str]) -> None:
    """Give every other file of the day a name in the new folder too."""
    for path in day.iterdir():
        if path.name not in merged:
            os.link(path, new / path.name)
    fsync(new)


def swap_day(folder: Path, new: Path) -> None:
    """The one step at which the merged files take the place of the old ones."""
    exchange(new, folder / new.name)
    fsync(folder)
    fsync(new.parent)


def compact(folder: Path, fewest: int = MIN_FILES, only: str | None = None) -> int:
    """Merge what is worth it, again until nothing is, in all days or in one; returns how many files were merged."""
    staging, total = Staging.create(folder), 0
    try:
        for day in days(folder):
            while (only is None or day == only) and (merged := compact_day(folder, staging, day, fewest)):
                total += merged
    finally:
        staging.close()
    return total


def _sized(folder: Path, day: str) -> list[SizedFile]:
    return [
        SizedFile(each, each.path.stat().st_size)
        for each in data_files(folder, day, day)
        if find_damage(each.path) is None
    ]


def _damaged(folder: Path, day: str) -> list[Gap]:
    """Damaged files, as what no merged file may answer for."""
    found = (each.file for each in find_damaged_files(folder, day, day))
    return [Gap(each.topic, each.partition, each.first, each.last, each.day, each.day) for each in found]


class Compactor:
    """A thread that merges each minute, and looks for holes; what it can't do is said, and changes nothing."""

    def __init__(self, folder: Path, on_failure: Callable[[BaseException], None] = lambda _: None) -> None:
        self._folder, self._on_failure = folder, on_failure
        self._holes = GapWatch(folder)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record-merge", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; a merge that is under way is left, and changes nothing."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            began = time.monotonic()
            try:
                self._holes.check()
                compact(self._folder)
            except OSError as error:
                _log.warning("not_merged", error=str(error), seconds=round(time.monotonic() - began, 1))
            except BaseException as error:  # noqa: BLE001 - reported to the recorder, which ends with it
                self._on_failure(error)
                return
