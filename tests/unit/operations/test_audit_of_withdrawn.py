"""What was taken down or erased is no fault in an audit; what its undoing did not bring back is one."""

from datetime import UTC, datetime

from schemas.order import Order
from schemas.source import Source
from schemas.takedown import Kind, Takedown
from streams.keyed_hash import HashKey
from streams.listing_codec import Record
from streams.takedowns import Takedowns
from workers.operations.audit.audit import withdrawn
from workers.operations.audit.oracle import Event, Listing, Stored, judge

KEY = HashKey("a key that nobody else has")
PLACE = Source(topic="listing-updated", partition=0, offset=1, timestamp=1_000)
ORDER = Order.of(2, PLACE)
ON_SALE = Event(PLACE, ORDER, "on_sale", b"content")
BURIED = Stored(None, (ORDER, "taken_down"))


def hidden(kind: Kind | None = None, value: str = "m1", version: int | None = None) -> Takedowns:
    """The set with this one entry."""
    made = Takedowns(lambda: KEY)
    if kind is not None:
        entry = Takedown(kind=kind, value=value, at=datetime.now(UTC), version=version)
        made.apply(Record(PLACE, entry.key.encode(), entry.model_dump_json().encode()))
    return made


def findings(listing: Listing, known: Takedowns) -> list[str]:
    """The kinds of what is wrong."""
    return [each.kind for each in judge(withdrawn(listing, known)).findings]


def test_taken_down_and_buried() -> None:
    """By itself, or by its seller or picture, which the audit does not note."""
    listing = Listing("m1", (ON_SALE,), BURIED)
    for kind in ("listing", "seller", "image"):
        assert findings(listing, hidden(kind)) == []
    assert findings(listing, hidden()) == ["stale"]


def test_taken_down_and_there_all_the_same() -> None:
    """A row of it is one too many."""
    listing = Listing("m1", (ON_SALE,), Stored((ORDER, b"content"), None))
    assert findings(listing, hidden("listing")) == ["phantom"]
    assert findings(listing, hidden()) == []


def test_erased() -> None:
    """Its events ask for nothing, its row is one too many, and a higher version is a listing like any other."""
    erased = hidden("erased", KEY.of("m1"), 2)
    assert findings(Listing("m1", (ON_SALE,)), erased) == []
    assert findings(Listing("m1", (ON_SALE,)), hidden()) == ["missing"]
    assert findings(Listing("m1", (ON_SALE,), Stored((ORDER, b"content"), None)), erased) == ["phantom"]
    newer = Event(
        PLACE.model_copy(update={"offset": 2}), Order.of(3, PLACE.model_copy(update={"offset": 2})), "on_sale"
    )
    assert findings(Listing("m1", (ON_SALE, newer)), erased) == ["missing"]
