"""What really happened, read back from the outcomes that the workers told; the arithmetic of the summary."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.listing import ListingEvent
from schemas.outcome import Outcome
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import INDEXED


@dataclass(frozen=True)
class ReportedOutcomes:
    """Outcomes of events; an event may be told more than once (at least once is the promise)."""

    outcomes: tuple[Outcome, ...] = ()

    def of(self, events: Iterable[ListingEvent]) -> "ReportedOutcomes":
        """Those of the given events."""
        wanted = {(event.listing_id, event.version) for event in events}
        return ReportedOutcomes(tuple(each for each in self.outcomes if (each.listing_id, each.version) in wanted))

    @property
    def first(self) -> list[Outcome]:
        """One outcome for each event, the first that was told."""
        seen: dict[tuple[str, int], Outcome] = {}
        for each in self.outcomes:
            seen.setdefault((each.listing_id, each.version), each)
        return list(seen.values())

    @property
    def counts(self) -> dict[str, int]:
        """Events by outcome, most first."""
        return dict(Counter(each.outcome for each in self.first).most_common())

    @property
    def encodes(self) -> int:
        """Pictures encoded; each time counts."""
        return sum(each.encoded for each in self.outcomes)

    def visible_ms(self, *, encoded: bool) -> "Spread | None":
        """From the event to its row in the index, for events that reached it with or without an encode."""
        return spread(
            [
                each.event_to_visible_ms
                for each in self.first
                if each.encoded == encoded and each.outcome in ("indexed", "metadata", "removed")
            ]
        )


@dataclass(frozen=True)
class Spread:
    """How a measure is spread, in its own unit."""

    p50: float
    p95: float
    max: float


@dataclass(frozen=True)
class Check:
    """A count that must be what it must be."""

    claim: str
    expected: int
    found: int

    @property
    def ok(self) -> bool:
        """Whether it is."""
        return self.expected == self.found


def told(settings: Settings) -> ReportedOutcomes:
    """Every outcome so far, as the workers told it to `listing-indexed`."""
    records = read_all(settings, INDEXED)
    return ReportedOutcomes(tuple(Outcome.model_validate_json(record.value) for record in records if record.value))


def spread(values: Sequence[float]) -> Spread | None:
    """Percentiles by nearest rank: each is a value that occurred. None where there is none.

    >>> spread([4.0, 1.0, 3.0, 2.0])
    Spread(p50=2.0, p95=4.0, max=4.0)
    """
    if not values:
        return None
    ranked = sorted(values)
    p50, p95 = (ranked[-(-len(ranked) * percent // 100) - 1] for percent in (50, 95))
    return Spread(p50, p95, ranked[-1])
