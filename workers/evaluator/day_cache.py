"""The sums of each day of the live model, worked out anew where the records beneath them have changed."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from workers.evaluation.config import EvaluationConfig
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.reader import Days
from workers.evaluation.shelves import Windows
from workers.evaluator.folder_snapshot import Files, Snapshot

_AT_ONCE = 14
"""Days whose actions are in memory at one time."""

ByDay = list[tuple[date, DayStats]]


class DayStatsCache:
    """Sums by day, in memory alone: what they are follows from the files, so a crash loses nothing but time."""

    def __init__(self, folder: Path, choice: EvaluationConfig, windows: Windows) -> None:
        self._folder, self._choice, self._windows = folder, choice, windows
        self._model: str | None = None
        self._beneath: dict[date, tuple[Files, ...]] = {}
        self._sums: dict[date, DayStats] = {}

    def refresh(
        self, now: Snapshot, model: str, since: date, until: date, beat: Callable[[], None] = lambda: None
    ) -> ByDay:
        """The sums of the days [since, until) of `model`; `beat` is called after each day that was read anew.

        Equal to those of a first reading of the same files, to the last bit: sums are whole numbers, and a day's own
        are the same among whatever others it is read.
        """
        if model != self._model:
            self._model, self._beneath, self._sums = model, {}, {}
        wanted = [since + timedelta(days=number) for number in range((until - since).days)]
        for day in set(self._sums) - set(wanted):
            del self._sums[day], self._beneath[day]
        stale = [day for day in wanted if self._beneath.get(day) != now.files_beneath(day, self._windows)]
        for first in range(0, len(stale), _AT_ONCE):
            self._read(stale[first : first + _AT_ONCE], now, beat)
        return [(day, self._sums[day]) for day in wanted]

    def _read(self, days: list[date], now: Snapshot, beat: Callable[[], None]) -> None:
        reading = Days.of(self._folder, days[0], days[-1] + timedelta(days=1), self._windows)
        for day, sums in folder_stats(reading, self._choice, self._model, days):
            self._sums[day], self._beneath[day] = sums, now.files_beneath(day, self._windows)
            beat()
