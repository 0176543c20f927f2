"""The headers of what was put back."""

import pytest

from schemas.source import Source
from streams.codec import Record
from streams.retry import PutBack, first_source, put_back, was_put_back

FIRST = Source(topic="listing-created", partition=7, offset=123, timestamp=456)
RETRIED = Source(topic="listing-retry", partition=7, offset=5, timestamp=789)
FIRST_RECORD = Record(FIRST, b"m1", b"raw", (("version", b"3"), ("trace", b"\xff"), ("attempts", b"77")))


def again(record: Record, said: PutBack) -> Record:
    """The record as it lies in the retry topic."""
    return Record(RETRIED, record.key, record.value, tuple(put_back(record, said)))


def test_what_was_said_is_read_back() -> None:
    """And the event's own headers go along, but for a publisher's that has one of our names."""
    said = PutBack(attempts=4, tries=2, not_before=1_763_856_000_000, refetch=True)
    record = again(FIRST_RECORD, said)
    assert was_put_back(record) == said
    assert dict(record.headers)["version"] == b"3"
    assert dict(record.headers)["trace"] == b"\xff"


def test_the_first_source_is_kept_however_often_it_is_put_back() -> None:
    """Else putting an event back would reorder it among others of the same version."""
    record = again(again(FIRST_RECORD, PutBack(1)), PutBack(2))
    assert first_source(record) == FIRST
    assert was_put_back(record).attempts == 2
    assert len(record.headers) == len({name for name, _ in record.headers})


@pytest.mark.parametrize("name", ["source-topic", "source-partition", "source-offset", "source-timestamp"])
@pytest.mark.parametrize("wrong", [b"", "²".encode(), b"9" * 5_000])
def test_a_place_that_is_none_counts_for_nothing(name: str, wrong: bytes) -> None:
    """Then it stood where it lies."""
    if name == "source-topic" and wrong:
        return
    record = again(FIRST_RECORD, PutBack())
    changed = tuple((each, wrong if each == name else value) for each, value in record.headers)
    assert first_source(Record(RETRIED, b"m1", b"raw", changed)) == RETRIED


@pytest.mark.parametrize(
    ("text", "attempts"), [(b"3", 3), (b"", 0), (b"x", 0), (b"-1", 0), (None, 0), (b"9" * 5_000, 0)]
)
def test_attempts(text: bytes | None, attempts: int) -> None:
    """What is no number counts as none."""
    assert was_put_back(Record(RETRIED, b"m1", b"", (("attempts", text),))).attempts == attempts


def test_only_the_retry_topic_is_believed() -> None:
    """In the topics of publishers such headers claim a place that is not theirs, and count for nothing."""
    here = Source(topic="listing-updated", partition=1, offset=2, timestamp=3)
    record = Record(here, b"m1", b"", tuple(put_back(FIRST_RECORD, PutBack(3, 3, 9**12, refetch=True))))
    assert first_source(record) == here
    assert was_put_back(record) == PutBack()


def test_it_waits_until_it_is_due() -> None:
    """In seconds from now."""
    assert PutBack().wait_seconds == 0
    assert PutBack(not_before=1).wait_seconds == 0
    assert PutBack(not_before=10**14).wait_seconds > 10**9
