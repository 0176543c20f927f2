"""Reading what was recorded a portion at a time, so that memory does not grow with the day."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from workers.interactions.damaged_files import find_damage
from workers.interactions.layout import DataFile, data_files


def portions(folder: Path, days: Sequence[date], columns: Sequence[str], rows: int) -> list[pl.LazyFrame]:
    """The records of days as tables of about `rows` rows each, in no order; each row is in one of them.

    Files are listed now, and opened when a table is collected: where they were merged in between, that raises, and
    all portions are read anew (`scan.restarted`). Damaged files are left out.
    """
    found, small, held = list[pl.LazyFrame](), list[pl.LazyFrame](), 0
    for file, count in _files(folder, days):
        frame = pl.scan_parquet(file.path, hive_partitioning=False, glob=False)
        if count > rows:
            found += [frame.slice(low, rows).select(columns) for low in range(0, count, rows)]
            continue
        small.append(frame.select(columns))
        held += count
        if held >= rows:
            found.append(pl.concat(small))
            small, held = [], 0
    return [*found, pl.concat(small)] if small else found


def count_rows(folder: Path, days: Sequence[date]) -> int:
    """How many records the files of days hold, by their footers."""
    return sum(count for _, count in _files(folder, days))


def _files(folder: Path, days: Sequence[date]) -> Iterator[tuple[DataFile, int]]:
    wanted = {day.isoformat() for day in days}
    for each in data_files(folder, min(wanted, default=""), max(wanted, default="")):
        if each.day in wanted and find_damage(each.path) is None:
            yield each, pq.read_metadata(each.path).num_rows
