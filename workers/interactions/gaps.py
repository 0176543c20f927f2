"""Ranges of offsets that no recorded file answers for: files that were lost, or taken away.

A file's name says the range that it answers for, transaction markers and dead-lettered records included, and each range
begins where the one before ended. So what lies between two ranges was lost after it was recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from workers.interactions.layout import START_OFFSETS, DataFile, data_files
from workers.interactions.progress import read_start_offset

_of = attrgetter("topic", "partition")


@dataclass(frozen=True, order=True, slots=True)
class Gap:
    """Offsets `first` to `last` of a partition are in no file; of the days `since` to `until`, as YYYY-MM-DD."""

    topic: str
    partition: int
    first: int
    last: int
    since: str = ""
    """The newest day before it; empty if nothing is before it."""
    until: str = ""
    """The oldest day after it."""

    @property
    def records(self) -> int:
        """How many offsets are missing; transaction markers among them."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.topic} partition {self.partition}, offsets {self.first} to {self.last}"


def gaps_between(files: Iterable[DataFile], begun: Mapping[tuple[str, int], int]) -> list[Gap]:
    """The holes between files, in order, and between where a partition was begun and its first file.

    Where recording was begun anew at a later offset, by hand, the range before that is no hole: it was accepted.
    """
    found = list[Gap]()
    ordered = sorted(files, key=attrgetter("topic", "partition", "first", "last"))
    for place, group in groupby(ordered, key=_of):
        start, covered, before = begun.get(place, 0), None, ""
        for each in group:
            if covered is None:
                covered = min(start, each.first) if place in begun else each.first
            first = max(covered, start) if start <= each.first else covered
            if first < each.first:
                found.append(Gap(each.topic, each.partition, first, each.first - 1, before, each.day))
            covered, before = max(covered, each.last + 1), max(before, each.day)
    return found


def find_gaps(folder: Path) -> list[Gap]:
    """The holes of a folder of interactions. Looked for twice: files are moved into days while these are listed."""
    found = _look(folder)
    return found and sorted(set(found) & set(_look(folder)))


def describe_gaps(found: Iterable[Gap]) -> str:
    """The holes in one line, with the remedy; empty without any."""
    found = list(found)
    if not found:
        return ""
    shown = "; ".join(map(str, found[:3])) + ("; …" if len(found) > 3 else "")
    return (
        f"{sum(each.records for each in found):,} recorded offsets are in no file ({shown}): files were lost; bring "
        "them back, or run `lookalike fill-holes`, which records again what Kafka still has of them"
    )


def _look(folder: Path) -> list[Gap]:
    return gaps_between(list(data_files(folder)), _begun(folder))


def _begun(folder: Path) -> dict[tuple[str, int], int]:
    found = dict[tuple[str, int], int]()
    if (folder / START_OFFSETS).is_dir():
        for path in (folder / START_OFFSETS).iterdir():
            topic, _, partition = path.name.rpartition("-")
            if partition.isdigit() and not path.name.startswith("."):
                found[topic, int(partition)] = read_start_offset(path)
    return found
