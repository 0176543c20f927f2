"""Reading what was recorded, as a lazy table: files of the days asked for, and no other rows than those."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from workers.interactions.damaged_files import find_damage
from workers.interactions.layout import data_files
from workers.interactions.schema import COLUMNS

_TRIES = stop_after_attempt(8)
_PAUSE = wait_fixed(0.05)  # seconds; a folder is exchanged for its merged one in well under a millisecond

T = TypeVar("T")


def scan(
    folder: Path,
    since: date | datetime | None = None,
    until: date | datetime | None = None,
    columns: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """The records whose `at` is in [since, until), a date being its first instant in UTC; in no particular order.

    `folder` is `files.interactions_folder(settings)`. A record that was published twice is there twice: count the first
    of an event id or request id by (partition, offset). Files are listed now and opened when the frame is collected;
    where they were merged in between, that raises FileNotFoundError, and nothing is ever read twice or left out:
    `collect` begins anew. Damaged files are left out; `damaged` names them.
    """
    first, last = _instant(since), _instant(until)
    paths = [each.path for each in data_files(folder, _day(first), _last_day(last)) if find_damage(each.path) is None]
    frame = pl.scan_parquet(paths, hive_partitioning=False, glob=False) if paths else _nothing()
    if first is not None:
        frame = frame.filter(pl.col("at") >= first)
    if last is not None:
        frame = frame.filter(pl.col("at") < last)
    return frame if columns is None else frame.select(columns)


def collect(make: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
    """What `make` (which calls `scan`) gives, made anew where files were merged while they were read.

    >>> collect(lambda: scan(Path("/nowhere"), columns=["event"]).filter(pl.col("event") == "click")).height
    0
    """
    return restarted(lambda: make().collect())


def restarted(read: Callable[[], T]) -> T:
    """What `read` gives, which lists files and opens them: begun anew where files were merged in between."""
    retrying = Retrying(stop=_TRIES, wait=_PAUSE, retry=retry_if_exception(_is_merged_file), reraise=True)
    return retrying(read)


def _is_merged_file(error: BaseException) -> bool:
    """Whether a file is gone, in the words of the system or of polars."""
    polars = isinstance(error, pl.exceptions.ComputeError) and "No such file" in str(error)
    return polars or isinstance(error, FileNotFoundError)


def _nothing() -> pl.LazyFrame:
    frame = pl.from_arrow(COLUMNS.empty_table())
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - told to the type checker: a table is never a series
    return frame.lazy()


def _instant(moment: date | datetime | None) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).date().isoformat()


def _last_day(until: datetime | None) -> str | None:
    return None if until is None else _day(until - timedelta(microseconds=1))
