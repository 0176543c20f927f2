"""Putting an event back: the headers of `listing-retry`, written and read in one place.

A record there has the raw key, value and headers of the event as it first came, and beside them where it first stood,
how often it was tried, and when it is due. Only in that topic are these headers ours; elsewhere a publisher could
claim any place with them.
"""

import re
import time
from dataclasses import dataclass

from schemas.source import Source
from streams.listing_codec import Record
from streams.record_headers import RawHeaders, is_text, pack, unpack
from streams.topics import RETRY

ERASURE_MARK = "erases"
"""The header of a null value that an erasure wrote: whoever reads it looks at the takedowns before anything else."""

_NUMBER = re.compile("[0-9]{1,18}")  # what fits in 64 bits; a header may hold anything
_PLACE = ("topic", "partition", "offset", "timestamp")
OURS = {*(f"source-{name}" for name in _PLACE), "attempts", "tries", "looks", "not-before", "refetch"}
"""The headers by which this topic's records say where they first stood, and what is said of them."""


@dataclass(frozen=True, slots=True)
class RetryState:
    """What is said of an event that was put back."""

    attempts: int = 0
    """How often it was tried in all; a dead letter of it says so."""
    tries: int = 0
    """How often it was put back since a person, or nobody, did so: what the delays grow with."""
    looks: int = 0
    """How often it was put back because its picture was not there yet; counted apart from `tries`."""
    not_before: int = 0
    """Milliseconds since 1970; until then it waits."""
    refetch: bool = False
    """Fetch its pictures again although their addresses are the same."""

    @property
    def wait_seconds(self) -> float:
        """How long it still has to wait; 0 where it is due."""
        return max(0.0, self.not_before / 1_000 - time.time())


def publisher_headers(record: Record) -> RawHeaders:
    """The headers that the publisher gave the event, also if it was put back since."""
    return unpack(record.headers, OURS) if record.source.topic.endswith(RETRY) else list(record.headers)


def requeue_headers(record: Record, said: RetryState) -> RawHeaders:
    """The headers with which `record` goes to `listing-retry`: its own, its first source, and what is said of it."""
    source = first_source(record)
    fields: dict[str, object] = {f"source-{name}": getattr(source, name) for name in _PLACE}
    fields |= {"attempts": said.attempts, "tries": said.tries, "not-before": said.not_before}
    if said.looks:
        fields["looks"] = said.looks
    if said.refetch:
        fields["refetch"] = 1
    own = pack(publisher_headers(record), OURS)
    return [*own, *((name, str(value).encode()) for name, value in fields.items())]


def retry_state(record: Record) -> RetryState:
    """What was said of `record` when it was put back; nothing of a record of another topic."""
    if not record.source.topic.endswith(RETRY):
        return RetryState()
    headers = _texts(record)
    numbers = {
        name: int(headers[name]) if _NUMBER.fullmatch(headers.get(name, "")) else 0
        for name in ("attempts", "tries", "looks", "not-before")
    }
    return RetryState(
        numbers["attempts"],
        numbers["tries"],
        numbers["looks"],
        numbers["not-before"],
        refetch=headers.get("refetch") == "1",
    )


def first_source(record: Record) -> Source:
    """Where the event first stood: its own place, or the one that was kept when it was put back."""
    if not record.source.topic.endswith(RETRY):
        return record.source
    headers = _texts(record)
    fields = {name: headers.get(f"source-{name}", "") for name in _PLACE}
    if not fields["topic"] or not all(_NUMBER.fullmatch(fields[name]) for name in _PLACE[1:]):
        return record.source
    return Source.model_validate(fields)


def event_of(record: Record) -> tuple[object, ...]:
    """What makes two records copies of one event: the bytes count too, for headers can be written by anyone."""
    return (first_source(record), retry_state(record).refetch, record.key, record.value)


def _texts(record: Record) -> dict[str, str]:
    if not all(is_text(name) for name, _ in record.headers):
        return {}  # it is none of ours: we write no such name
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}
