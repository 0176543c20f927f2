"""What lies in the folder of recorded interactions at one moment: enough to tell what has changed since another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from workers.evaluation.shelves import Windows
from workers.interactions.layout import data_files
from workers.interactions.progress import next_offsets

_TRIES = stop_after_attempt(20)
_PAUSE = wait_fixed(0.05)  # seconds; a day's folder is exchanged for its merged one in well under a millisecond
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

        def read() -> "Snapshot":
            # First how far it is, then the files: what comes in between is in the files, and counted next time.
            recorded = next_offsets(folder, topic)
            return cls(_files(folder), recorded)

        gone = retry_if_exception_type(FileNotFoundError)
        return Retrying(stop=_TRIES, wait=_PAUSE, retry=gone, reraise=True)(read)

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
