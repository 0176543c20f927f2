"""What an audit has read comes together by listing, whatever the order and wherever it came from."""

from dataclasses import replace

from changes import change
from workers.operations.audit.notebook import Notebook
from workers.operations.audit.oracle import Event, Stored, event_of


def an_event(version: int, offset: int, partition: int = 0) -> Event:
    """An event at a place of its own."""
    made = change(version=version, offset=offset, partition=partition)
    return event_of(made.event, made.source)


def test_a_listing_comes_together() -> None:
    """From two partitions, with its row and its tombstone, beside those that have only the one or the other."""
    first, second = an_event(1, 0), an_event(2, 1, partition=7)
    assert first.order is not None
    with Notebook() as notes:
        notes.add_events([("m2", first), ("m1", second), ("", Event(second.source, None))])
        notes.add_stored([("m1", Stored((first.order, b"shown"))), ("m3", Stored(tombstone=(first.order, "removed")))])
        notes.add_stored([("m1", Stored(tombstone=(first.order, "hidden")))])
        notes.add_events([("m1", first)])
        found = {listing.listing_id: listing for listing in notes.listings()}
    assert list(found) == ["", "m1", "m2", "m3"]
    assert set(found["m1"].events) == {first, second}
    assert found["m1"].stored == Stored((first.order, b"shown"), (first.order, "hidden"))
    assert found["m2"].events == [first]
    assert found["m3"].stored == Stored(None, (first.order, "removed"))
    assert found[""].events[0].order is None


def test_copies_are_one_event() -> None:
    """Pending where one of them is; another version at the same place is another event."""
    event = an_event(1, 0)
    other = replace(event, order=event.order._replace(version=2) if event.order else None)
    with Notebook() as notes:
        notes.add_events([("m1", event), ("m1", replace(event, pending=True)), ("m1", event), ("m1", other)])
        (listing,) = notes.listings()
    assert set(listing.events) == {replace(event, pending=True), other}


def test_letters_go_by_the_first_place() -> None:
    """And only by it."""
    first, second = an_event(1, 0), an_event(2, 1)
    with Notebook() as notes:
        notes.add_letters([first.source, first.source])
        notes.add_events([("m1", first), ("m1", second)])
        (listing,) = notes.listings()
        assert notes.knows(second.source)
        assert not notes.knows(an_event(1, 5).source)
    assert set(listing.events) == {replace(first, lettered=True), second}
