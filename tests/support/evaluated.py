"""Recorded interactions for tests of what is made of them: dicts, as a publisher writes them, put into files by day."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from interactions import START, action, shelf
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import Shelves
from workers.interactions.layout import file_name
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file
from workers.recorder.parse import parse

DAY = START.date()
Placed = tuple[int, int, dict[str, Any]]
"""Partition, offset, what was said."""


def placed(records: Sequence[dict[str, Any]], partition: int = 0, first: int = 0) -> list[Placed]:
    """Records one after the other in a partition."""
    return [(partition, first + number, each) for number, each in enumerate(records)]


def write(folder: Path, records: Sequence[Placed], rows: int = 1_000_000) -> Path:
    """Write records as the recorder would, at most so many `rows` a file, in the order given; returns the folder."""
    parsed = parse([json.dumps(said).encode() for _, _, said in records])
    assert not parsed.bad, parsed.bad
    table = parsed.rows
    partitions, offsets = (np.array([each[part] for each in records], np.int64) for part in (0, 1))
    told = {"recorded_at": table["at"], "partition": pa.array(partitions, pa.int32()), "offset": pa.array(offsets)}
    whole = pa.table({**{name: table[name] for name in table.column_names}, **told}).select(COLUMNS.names).cast(COLUMNS)
    days = [at.date().isoformat() for at in whole["at"].to_pylist()]
    by_file = sorted(range(len(records)), key=lambda row: (days[row], int(partitions[row])))
    for (day, partition), group in groupby(by_file, key=lambda row: (days[row], int(partitions[row]))):
        mine = list(group)
        for low in range(0, len(mine), rows):
            part = mine[low : low + rows]
            first, last = (int(edge(offsets[part])) for edge in (np.min, np.max))
            path = folder / f"day={day}" / file_name("interactions", partition, first, last)
            assert not path.exists()
            write_file(path, whole.take(pa.array(part)))
    return folder


def of_day(folder: Path, records: Sequence[dict[str, Any]], day: datetime = START, **more: Any) -> Shelves:
    """The shelves of a day, of these records."""
    since = day.astimezone(UTC).date()
    return read_shelves(write(folder, placed(records)), since, since + timedelta(days=1), **more)


def one(folder: Path, *records: dict[str, Any], items: int = 3, **more: Any) -> Shelves:
    """The one shelf `r` at START, with what else is recorded of it."""
    found = of_day(folder, [shelf("r", items=items), *records], **more)
    assert len(found) == 1
    return found


def after(event: str, delay: timedelta, **more: Any) -> dict[str, Any]:
    """An action of `m1` on shelf `r`, so long after it was shown."""
    return action(event, "r", at=START + delay, **more)


def equal(one: DayStats, other: DayStats) -> bool:
    """Whether two statistics are the same to the last bit."""
    return (
        list(one.sums) == list(other.sums)
        and all(np.array_equal(one.sums[key], other.sums[key]) for key in one.sums)
        and np.array_equal(one.listings, other.listings)
    )
