"""The summary of a demo: what happened, how fast, and whether every count is what it must be."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workers.demo.figures import Check, Spread
from workers.demo.memory import MemoryPeak
from workers.demo.tour import Tour


class Clock:
    """The seconds of each step, by its name, and of all since it was made."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._started = time.monotonic()

    @property
    def total(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        started = time.monotonic()
        yield
        self.steps[name] = time.monotonic() - started


@dataclass(frozen=True)
class Summary:
    """All figures of one run; times in the unit of their name."""

    model: str
    listings: int
    indexed: int
    dead_letters: dict[str, int]
    outcomes: dict[str, int]
    pictures_encoded: int
    changes: int
    pictures_encoded_for_changes: int
    picture_visible_ms: Spread | None
    metadata_visible_ms: Spread | None
    indexing_seconds: float
    listings_a_second: float
    rows: dict[str, int]
    tombstones: int
    peak_memory_bytes: int
    memory_by_process: dict[str, int]
    seconds: float
    steps: dict[str, float]
    """Seconds of each step."""
    checks: list[Check]
    gallery: str
    kept: bool

    @property
    def wrong(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.ok]

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        checks = [asdict(check) | {"ok": check.ok} for check in self.checks]
        return asdict(self) | {"checks": checks}

    def page_rows(self) -> list[tuple[str, object]]:
        """What people read: names and their values."""
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        dead = sum(self.dead_letters.values())
        return [
            ("model", self.model),
            ("listings", f"{self.listings} published, {self.indexed} indexed, {dead} dead letters"),
            ("outcomes", outcomes),
            ("encoded", f"{self.pictures_encoded} pictures"),
            ("changes", f"{self.changes}, for which {self.pictures_encoded_for_changes} pictures were encoded"),
            ("pictures visible", _spread(self.picture_visible_ms)),
            ("changes visible", _spread(self.metadata_visible_ms)),
            ("indexing", f"{self.listings_a_second:.0f} listings a second, {self.indexing_seconds:.1f} s"),
            ("in the index", ", ".join(f"{count} {status}" for status, count in self.rows.items() if count)),
            ("memory", f"{self.peak_memory_bytes / 2**30:.2f} GiB at most, all processes together"),
            ("time", f"{self.seconds:.0f} s in all"),
            ("checks", f"{len(self.checks) - len(self.wrong)} of {len(self.checks)} as they must be"),
            ("gallery", self.gallery),
        ]


def summarise(
    tour: Tour, state: dict[str, Any], memory: MemoryPeak, clock: Clock, gallery: Path, *, kept: bool
) -> Summary:
    """The figures of a finished tour; `state` is what `lookalike status` says at its end."""
    indexing, changes = tour.indexing, tour.market.changes
    outcomes = dict(indexing.counts)
    for outcome, count in changes.counts.items():
        outcomes[outcome] = outcomes.get(outcome, 0) + count
    return Summary(
        model=state["model"],
        listings=len(tour.listings),
        indexed=len(tour.market.indexed),
        dead_letters=tour.dead_letters,
        outcomes=outcomes,
        pictures_encoded=indexing.encodes,
        changes=len(changes.first),
        pictures_encoded_for_changes=changes.encodes,
        picture_visible_ms=indexing.visible_ms(encoded=True),
        metadata_visible_ms=changes.visible_ms(encoded=False),
        indexing_seconds=round(tour.indexing_seconds, 2),
        listings_a_second=round(tour.rate, 1),
        rows=state["rows"],
        tombstones=state["tombstones"],
        peak_memory_bytes=memory.bytes,
        memory_by_process=memory.by_process,
        seconds=round(clock.total, 1),
        steps={name: round(seconds, 1) for name, seconds in clock.steps.items()},
        checks=tour.market.checks,
        gallery=str(gallery),
        kept=kept,
    )


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return f"p50 {in_time(spread.p50)}, p95 {in_time(spread.p95)}, slowest {in_time(spread.max)} after their event"


def in_time(milliseconds: float) -> str:
    """A time for people.

    >>> in_time(12_345)
    '12.3 s'
    """
    return f"{milliseconds:.0f} ms" if milliseconds < 1_000 else f"{milliseconds / 1_000:.1f} s"
