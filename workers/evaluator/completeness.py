"""Up to when the record is whole: a day is closed as evidence only when nothing of it can still be on its way."""

from datetime import datetime
from pathlib import Path

import polars as pl

from schemas.interaction import AHEAD
from streams.groups import RECORD
from streams.lag import lag
from streams.settings import Settings
from workers.interactions.layout import data_files
from workers.interactions.reach import latest_event_time
from workers.interactions.scan import collect


def complete_until(settings: Settings, folder: Path, now: datetime) -> datetime | None:
    """The time of events up to which all that Kafka has is recorded; None where that can't be said.

    A clock of events, as in stream processing a watermark: the newest event, or `now`, or the newest event of a
    partition that is not read to its end, whichever is earliest. So a backlog that is read in an hour closes its days
    in their order, each when it is whole, and a recorder that stands still closes none. Raises ServiceUnavailable
    where Kafka is away.
    """
    unread = {each.partition for each in lag(settings, [settings.named(RECORD)]) if each.lag}
    newest = [now, latest_event_time(folder), *(_newest(folder, partition) for partition in unread)]
    known = [moment for moment in newest if moment is not None]
    return min(known) if len(known) == len(newest) else None


def _newest(folder: Path, partition: int) -> datetime | None:
    """The newest event of the last batch of a partition; None where that has none, for then nothing is known."""
    true = pl.col("at") <= pl.col("recorded_at") + AHEAD
    newest = collect(lambda: _last_batch(folder, partition).filter(true).select(pl.col("at").max())).item()
    return newest if isinstance(newest, datetime) else None


def _last_batch(folder: Path, partition: int) -> pl.LazyFrame:
    """The records of the highest range of offsets; a batch that spans several days has a file in each."""
    files = [each for each in data_files(folder) if each.partition == partition]
    last = max((each.last for each in files), default=0)
    paths = [each.path for each in files if each.last == last]
    if not paths:
        return pl.LazyFrame(schema=dict.fromkeys(("at", "recorded_at"), pl.Datetime("us", "UTC")))
    return pl.scan_parquet(paths, hive_partitioning=False, glob=False)
