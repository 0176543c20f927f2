"""The arithmetic of the summary."""

import pytest

from schemas.listing import ListingEvent
from schemas.outcome import Done, Outcome, StagesMs
from schemas.source import Source
from workers.demo.figures import Check, ReportedOutcomes, Spread, spread


def event(listing_id: str, version: int) -> ListingEvent:
    """A listing at a version."""
    return ListingEvent(
        listing_id=listing_id, version=version, status="on_sale", title="t", image_urls=("file:///t.png",)
    )


def outcome(listing_id: str, version: int, done: Done, *, encoded: bool = False, ms: float = 1.0) -> Outcome:
    """What a worker told."""
    return Outcome(
        listing_id=listing_id,
        version=version,
        outcome=done,
        model="m@0",
        encoded=encoded,
        source=Source(topic="t", partition=0, offset=0),
        event_to_visible_ms=ms,
        stages_ms=StagesMs(),
    )


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, Spread(1, 1, 1)), (2, Spread(1, 2, 2)), (20, Spread(10, 19, 20)), (100, Spread(50, 95, 100))],
)
def test_percentiles_are_values_that_occurred(count: int, expected: Spread) -> None:
    """By nearest rank, in any order of arrival; nothing is interpolated."""
    assert spread(list(range(count, 0, -1))) == expected


def test_nothing_has_no_percentiles() -> None:
    """Where nothing happened there is no figure, and no zero."""
    assert spread([]) is None
    assert ReportedOutcomes().visible_ms(encoded=True) is None


def test_an_event_told_twice_counts_once() -> None:
    """Outcomes are at least once: events are counted by listing and version, encodes as often as they happened."""
    found = ReportedOutcomes(
        (
            outcome("a", 1, "indexed", encoded=True, ms=5),
            outcome("a", 1, "indexed", encoded=True, ms=900),
            outcome("a", 2, "metadata", ms=7),
            outcome("b", 1, "refused", ms=8),
        )
    )
    assert found.counts == {"indexed": 1, "metadata": 1, "refused": 1}
    assert found.encodes == 2
    assert found.visible_ms(encoded=True) == Spread(5, 5, 5)
    assert found.visible_ms(encoded=False) == Spread(7, 7, 7)


def test_outcomes_of_some_events() -> None:
    """The same listing at another version is another event."""
    found = ReportedOutcomes(
        (outcome("a", 1, "indexed", encoded=True), outcome("a", 2, "metadata"), outcome("b", 1, "indexed"))
    )
    assert found.of([event("a", 2), event("b", 1)]).counts == {"metadata": 1, "indexed": 1}


def test_a_check_holds_only_where_it_is_equal() -> None:
    """One more is as wrong as one less."""
    assert [Check("c", 2, found).ok for found in (1, 2, 3)] == [False, True, False]
