"""Recorded files that can't be read: named, left as they are, and left out of what is made of the others."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.interactions.layout import DataFile, data_files

_MAGIC = b"PAR1"
_LEAST = 12  # bytes: the mark at both ends, and the length of the footer


@dataclass(frozen=True)
class DamagedFile:
    """A file and what is wrong with it."""

    file: DataFile
    reason: str

    def __str__(self) -> str:
        return f"{self.file.path} {self.reason}"


def find_damage(path: Path) -> str | None:
    """What is wrong with a Parquet file, by its ends alone; None if nothing is. Raises FileNotFoundError."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _LEAST:
                return f"is no whole Parquet file: it has {size} bytes"
            start = file.read(4)
            file.seek(-8, os.SEEK_END)
            footer, end = int.from_bytes(file.read(4), "little"), file.read(4)
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    if start != _MAGIC:
        return "is no Parquet file"
    return None if end == _MAGIC and footer + _LEAST <= size else "is no whole Parquet file: its end is missing"


def find_damaged_files(folder: Path, first_day: str | None = None, last_day: str | None = None) -> list[DamagedFile]:
    """The damaged files of all days, or of those from `first_day` to `last_day`."""
    return [
        DamagedFile(each, why)
        for each in data_files(folder, first_day, last_day)
        if (why := find_damage(each.path)) is not None
    ]


def describe_damage(found: Iterable[DamagedFile]) -> str:
    """The files in one line, with the remedy; empty without any."""
    found = list(found)
    if not found:
        return ""
    shown = "; ".join(map(str, found[:3])) + ("; …" if len(found) > 3 else "")
    return f"{shown}: left out; restore it, or move it out of the folder and run `lookalike fill-holes`"
