"""What lies in the folder of recorded interactions at one moment: enough to tell what has changed since another."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from workers.evaluation.shelves import Windows
from workers.interactions.layout import data_files
from workers.interactions.progress import next_offsets

_TRIES = 20
_PAUSE = 0.05  # seconds; a day's folder is exchanged for its merged one in well under a millisecond
_DAY = timedelta(days=1)

Files = frozenset[tuple[str, int, int]]
"""Name, bytes and time of writing: a file is never written to, and is another one once rows were removed from it."""


@dataclass(frozen=True)
class Snapshot:
    """The files of each day, and how far each partition is recorded in them."""

    days: Mapping[date, Files] = field(default_factory=dict)
    recorded: Mapping[int, int] = field(default_factory=dict)
    """By partition, the offset after the last that the files answer for; no more than they do."""

    @classmethod
    def take(cls, folder: Path, topic: str) -> "Snapshot":
        """The folder as it is now; taken anew where files were merged meanwhile."""
        for left in range(_TRIES, 0, -1):
            try:
                # First how far it is, then the files: what comes in between is in the files, and counted next time.
                recorded = next_offsets(folder, topic)
                return cls(_files(folder), recorded)
            except FileNotFoundError:
                if left == 1:
                    raise
                time.sleep(_PAUSE)
        raise AssertionError("the last try returns or raises")

    def files_beneath(self, day: date, windows: Windows) -> tuple[Files, ...]:
        """All that the figures of `day` rest on: its own files, those of its actions, and of ids around midnight."""
        last = day + windows.longest + 2 * _DAY
        count = (last - day).days + 2
        return tuple(self.days.get(day + number * _DAY, frozenset()) for number in range(-1, count))


def _files(folder: Path) -> dict[date, Files]:
    found: dict[date, set[tuple[str, int, int]]] = {}
    for each in data_files(folder):
        told = each.path.stat()
        found.setdefault(date.fromisoformat(each.day), set()).add((each.path.name, told.st_size, told.st_mtime_ns))
    return {day: frozenset(files) for day, files in found.items()}
