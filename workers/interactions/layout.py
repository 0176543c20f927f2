"""Where recorded interactions lie, and what their names say: topic, partition, first and last offset."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from streams.settings import Settings

STAGING, READY, LOCKS, START_OFFSETS, ERASURES = ".staging", ".ready", ".locks", ".begun", ".forgotten"
LOGS = ".logs"
"""Hidden folders beside the days: no reader takes them for data."""

_NAME = re.compile(r"(?P<topic>.+)-(?P<partition>\d+)-(?P<first>\d+)-(?P<last>\d+)\.parquet")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of one day and partition; it answers for all offsets from `first` to `last`, rows or not.

    A batch that spans several days has a file of the same range in each of them.
    """

    path: Path
    day: str
    """As YYYY-MM-DD, of the events' `at` in UTC."""
    topic: str
    partition: int
    first: int
    last: int


def interactions_folder(settings: Settings) -> Path:
    """Where the interactions of this catalogue are recorded."""
    return settings.data / settings.named("interactions")


def file_name(topic: str, partition: int, first: int, last: int) -> str:
    """The name of the file of a range of offsets.

    >>> file_name("interactions", 3, 100, 199)
    'interactions-3-100-199.parquet'
    """
    return f"{topic}-{partition}-{first}-{last}.parquet"


def parse_path(path: Path) -> DataFile | None:
    """What a path `…/day=2026-11-23/interactions-3-100-199.parquet` says; None where it is none of ours."""
    found = _NAME.fullmatch(path.name)
    day = _day_of(path.parent.name)
    if found is None or day is None:
        return None
    return DataFile(path, day, found["topic"], int(found["partition"]), int(found["first"]), int(found["last"]))


def days(folder: Path) -> list[str]:
    """The days that have a folder, in order; a folder whose name is no date is none of ours."""
    if not folder.is_dir():
        return []
    return sorted(day for each in folder.iterdir() if (day := _day_of(each.name)) is not None)


def _day_of(name: str) -> str | None:
    """The day that a folder is of; None where it is of none.

    >>> _day_of("day=2026-11-23"), _day_of("day=2026-02-30"), _day_of("day=20261123")
    ('2026-11-23', None, None)
    """
    day = name.removeprefix("day=")
    try:
        return day if day != name and date.fromisoformat(day).isoformat() == day else None
    except ValueError:
        return None


def data_files(folder: Path, first_day: str | None = None, last_day: str | None = None) -> Iterator[DataFile]:
    """The files of all days, or of those from `first_day` to `last_day`; by day, in no particular order within one."""
    for day in days(folder):
        if (first_day is None or day >= first_day) and (last_day is None or day <= last_day):
            for path in (folder / f"day={day}").iterdir():
                if (found := parse_path(path)) is not None:
                    yield found
