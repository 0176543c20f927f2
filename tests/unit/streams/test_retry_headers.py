"""The headers of what was put back."""

import pytest

from schemas.source import Source
from streams.listing_codec import Record
from streams.retry_headers import RetryState, first_source, requeue_headers, retry_state

FIRST = Source(topic="listing-created", partition=7, offset=123, timestamp=456)
RETRIED = Source(topic="listing-retry", partition=7, offset=5, timestamp=789)
FIRST_RECORD = Record(FIRST, b"m1", b"raw", (("version", b"3"), ("trace", b"\xff"), ("attempts", b"77")))


def again(record: Record, said: RetryState) -> Record:
    """The record as it lies in the retry topic."""
    return Record(RETRIED, record.key, record.value, tuple(requeue_headers(record, said)))


def test_what_was_said_is_read_back() -> None:
    """And the event's own headers go along, but for a publisher's that has one of our names."""
    said = RetryState(attempts=4, tries=2, looks=1, not_before=1_763_856_000_000, refetch=True)
    record = again(FIRST_RECORD, said)
    assert retry_state(record) == said
    assert dict(record.headers)["version"] == b"3"
    assert dict(record.headers)["trace"] == b"\xff"


def test_the_first_source_is_kept_however_often_it_is_put_back() -> None:
    """Else putting an event back would reorder it among others of the same version."""
    record = again(again(FIRST_RECORD, RetryState(1)), RetryState(2))
    assert first_source(record) == FIRST
    assert retry_state(record).attempts == 2
    assert len(record.headers) == len({name for name, _ in record.headers})


@pytest.mark.parametrize("name", ["source-topic", "source-partition", "source-offset", "source-timestamp"])
@pytest.mark.parametrize("wrong", [b"", "²".encode(), b"9" * 5_000])
def test_a_place_that_is_none_counts_for_nothing(name: str, wrong: bytes) -> None:
    """Then it stood where it lies."""
    if name == "source-topic" and wrong:
        return
    record = again(FIRST_RECORD, RetryState())
    changed = tuple((each, wrong if each == name else value) for each, value in record.headers)
    assert first_source(Record(RETRIED, b"m1", b"raw", changed)) == RETRIED


@pytest.mark.parametrize(
    ("text", "attempts"), [(b"3", 3), (b"", 0), (b"x", 0), (b"-1", 0), (None, 0), (b"9" * 5_000, 0)]
)
def test_attempts(text: bytes | None, attempts: int) -> None:
    """What is no number counts as none."""
    assert retry_state(Record(RETRIED, b"m1", b"", (("attempts", text),))).attempts == attempts


def test_only_the_retry_topic_is_believed() -> None:
    """In the topics of publishers such headers claim a place that is not theirs, and count for nothing."""
    here = Source(topic="listing-updated", partition=1, offset=2, timestamp=3)
    record = Record(here, b"m1", b"", tuple(requeue_headers(FIRST_RECORD, RetryState(3, 3, 9**12, refetch=True))))
    assert first_source(record) == here
    assert retry_state(record) == RetryState()


def test_it_waits_until_it_is_due() -> None:
    """In seconds from now."""
    assert RetryState().wait_seconds == 0
    assert RetryState(not_before=1).wait_seconds == 0
    assert RetryState(not_before=10**14).wait_seconds > 10**9
