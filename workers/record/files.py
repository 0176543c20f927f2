"""Where recorded interactions lie, and what their names say: topic, partition, first and last offset."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.settings import Settings

STAGING, READY, LOCKS, BEGUN, FORGOTTEN = ".staging", ".ready", ".locks", ".begun", ".forgotten"
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


def parse(path: Path) -> DataFile | None:
    """What a path `…/day=2026-11-23/interactions-3-100-199.parquet` says; None where it is none of ours."""
    found = _NAME.fullmatch(path.name)
    day = path.parent.name.removeprefix("day=")
    if found is None or day == path.parent.name:
        return None
    return DataFile(path, day, found["topic"], int(found["partition"]), int(found["first"]), int(found["last"]))


def days(folder: Path) -> list[str]:
    """The days that have a folder, in order."""
    if not folder.is_dir():
        return []
    return sorted(each.name.removeprefix("day=") for each in folder.iterdir() if each.name.startswith("day="))


def data_files(folder: Path, first_day: str | None = None, last_day: str | None = None) -> Iterator[DataFile]:
    """The files of all days, or of those from `first_day` to `last_day`; by day, in no particular order within one."""
    for day in days(folder):
        if (first_day is None or day >= first_day) and (last_day is None or day <= last_day):
            for path in (folder / f"day={day}").iterdir():
                if (found := parse(path)) is not None:
                    yield found
