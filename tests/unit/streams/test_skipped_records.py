"""`--skip`: which records an operator may name, and that nothing is read of them."""

from typing import Any

import pytest

from changes import received_record
from schemas.source import Source
from streams.errors import BadMessage, UsageError
from streams.listing_codec import Record
from streams.skipped_records import read_skips
from streams.watermark import Watermark
from workers.indexer.pending_event import read_event

TOPICS = ("p-listing-created", "p-listing-updated")


def test_places() -> None:
    """Several, each once."""
    places = ["p-listing-updated:3:1017", "p-listing-created:0:0", "p-listing-created:0:0"]
    assert read_skips(places, TOPICS) == {("p-listing-updated", 3, 1017), ("p-listing-created", 0, 0)}
    assert read_skips((), TOPICS) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "::",
        "p-listing-updated",
        "p-listing-updated:3",
        "p-listing-updated:3:",
        "p-listing-updated:-1:3",
        "p-listing-updated:3:-1",
        "p-listing-updated:3:x",
        "p-listing-updated:3:4:5",
        "p-listing-updated:3:1e3",
        " p-listing-updated:3:4",
        "p-listing-updated:3:4\n",
        "p-listing-updated:\u0663:4",
        "p-listing-updated:3:" + "9" * 19,
        "listing-updated:3:4",
        "interactions:3:4",
    ],
)
def test_no_place(text: str) -> None:
    """Exit 2, in one line that names it; also of a topic that is not read here."""
    with pytest.raises(UsageError) as failure:
        read_skips([text], TOPICS)
    assert "--skip" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_nothing_is_read_of_it() -> None:
    """Whatever its value does to those who read it."""
    poison: Any = object()
    record = Record(Source(topic="p-listing-updated", partition=0, offset=7), b"key", poison, ())
    with pytest.raises(BadMessage) as why:
        read_event(received_record(record, Watermark(), skip=True))
    assert why.value.reason == "skipped"
