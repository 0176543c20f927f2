"""The sentence that says why a listing is in the index, or not; from plain values."""

import json
from datetime import UTC, datetime
from typing import Any

from schemas.dead_letter import DeadLetter
from schemas.order import Order
from schemas.outcome import Outcome, StagesMs
from schemas.source import Source
from streams.dead_letters import StoredDeadLetter, encode_dead_letter
from streams.keyed_hash import HashKey
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import RetryState, first_source, requeue_headers, retry_state
from streams.takedowns import Takedowns
from workers.operations.explain_conclusion import Event, Found, conclusion

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
URL = "https://me:secret@shop.example.com/a.jpg?token=hidden"


def no_key() -> HashKey:
    """Nothing was erased, so no key is needed."""
    raise AssertionError


def source(topic: str = "listing-updated", timestamp: int = 1_000, offset: int = 5) -> Source:
    """A place in the log."""
    return Source(topic=topic, partition=1, offset=offset, timestamp=timestamp)


def event(version: int = 2, *, said: RetryState | None = None) -> Event:
    """An event, or what was put back of it."""
    value = {"listing_id": "m1", "version": version, "status": "on_sale", "title": "t", "image_urls": [URL]}
    record = Record(source(), b"m1", json.dumps(value).encode())
    if said is not None:
        record = Record(source("listing-retry", 5_000), b"m1", record.value, tuple(requeue_headers(record, said)))
    back = retry_state(record) if said is not None else None
    return Event(record, first_source(record), decode_listing(record), "", back)


def letter(timestamp: int) -> StoredDeadLetter:
    """A dead letter of that event."""
    why = DeadLetter(source=source(), reason="image-missing", error="gone")
    value, headers = encode_dead_letter(event().record, why)
    return StoredDeadLetter(Record(source("listing-dead-letter", timestamp), b"m1", value, tuple(headers)), why)


def told(**more: Any) -> str:
    """What is said of what was found."""
    return conclusion(Found("m1", Takedowns(no_key), **more), now=NOW)


def test_nothing_is_known() -> None:
    """No event, no row."""
    assert "m1 is unknown" in told()


def test_in_the_index() -> None:
    """With its version, and whether it is shown."""
    row = {"version": 2, "status": "on_sale"}
    order = Order.of(2, source())
    assert told(events=[event()], row=row, stored=order) == "It is in the index at version 2, on_sale: shown."
    grave = {"version": 2, "status": "removed"}
    assert told(events=[event()], tombstone=grave, stored=order) == "It is not in the index: removed at version 2."


def test_waiting_for_its_host() -> None:
    """Until when, after how many attempts, and which host; no secret of its address."""
    due = int(NOW.timestamp() * 1_000) + 90_000
    said = told(events=[event(), event(said=RetryState(attempts=4, tries=1, not_before=due))])
    assert "waits in listing-retry until 2026-11-23T12:01:30+00:00 (in 90 s), after 4 attempts" in said
    assert "shop.example.com is away" in said
    assert "secret" not in said
    assert "token" not in said


def test_a_dead_letter() -> None:
    """With its reason; once it is put back again, the letter is no longer the answer."""
    assert "is a dead letter: image-missing, gone." in told(events=[event()], letters=[letter(4_000)])
    again = told(events=[event(), event(said=RetryState(1))], letters=[letter(4_000)], model="m@1", before=7)
    assert "has not been worked off yet: 7 events are before it" in again
    failed_again = told(events=[event(), event(said=RetryState(1))], letters=[letter(4_000), letter(6_000)])
    assert "is a dead letter" in failed_again


def test_behind() -> None:
    """How many events are before it, and what is shown meanwhile."""
    said = told(
        events=[event()], model="m@1", before=3, row={"version": 1, "status": "on_sale"}, stored=(1, 0, "", 0, 0)
    )
    assert "3 events are before it" in said
    assert said.endswith("Until then: It is in the index at version 1, on_sale: shown.")
    assert "start a worker" in told(events=[event()])
    assert "lookalike audit" in told(events=[event()], model="m@1")


def test_refused_long_ago() -> None:
    """The outcome is there, the letter is not."""
    refused = Outcome(
        listing_id="m1",
        version=2,
        outcome="refused",
        model="m@1",
        encoded=False,
        source=source(),
        event_to_visible_ms=1,
        stages_ms=StagesMs(),
    )
    assert "its dead letter has expired" in told(events=[event()], outcomes=[(event().record, refused)])


def test_nothing_that_can_be_read() -> None:
    """Then the newest letter says why."""
    unreadable = Event(Record(source(), b"m1", b"{"), source(), None, "deserialize: no JSON", None)
    assert "can be read: the newest is a dead letter: image-missing" in told(
        events=[unreadable], letters=[letter(4_000)]
    )
    assert "deserialize: no JSON" in told(events=[unreadable])
