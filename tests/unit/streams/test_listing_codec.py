"""Reading a record: what is an event, what is a removal, and what is a bad message."""

import json
from typing import Any

import pytest

from schemas.listing import ListingEvent
from schemas.source import Source
from streams.errors import BadMessage
from streams.listing_codec import Record, decode_listing, encode_listing
from streams.record_headers import Headers

RETRIED = Source(topic="demo_listing-retry", partition=3, offset=9, timestamp=2)
HERE = Source(topic="listing-updated", partition=3, offset=17, timestamp=5)
GOOD: dict[str, Any] = {
    "listing_id": "m1",
    "version": 1,
    "status": "on_sale",
    "title": "t",
    "image_urls": ["file:///a"],
}


def record(value: bytes | None, key: bytes | None = b"m1", headers: Headers = ()) -> Record:
    """A record of listing m1."""
    return Record(HERE, key, value, tuple(headers))


def read(**fields: Any) -> ListingEvent:
    """A good event but for `fields`."""
    return decode_listing(record(json.dumps({**GOOD, **fields}).encode()))


def test_there_and_back() -> None:
    """What we publish is what we read, but for the topic's name, which the topic tells."""
    event = ListingEvent(
        listing_id="m1",
        version=2**63 - 1,
        status="reserved",
        title="é景",
        category=("a", "b"),
        price_minor=0,
        currency="JPY",
        image_urls=("file:///a", "http://b/c"),
        attributes={"n": 1, "x": 1.5, "b": True, "s": "t"},
        occurred_at="2026-11-23T00:00:00Z",
    )
    assert decode_listing(record(encode_listing(event))) == event


def test_unknown_fields_and_nulls() -> None:
    """Fields of tomorrow are left out; null is absent."""
    event = read(colour="red", brand=None, price_minor=None, currency=None, attributes=None, occurred_at=None)
    assert (event.brand, event.price_minor, event.attributes) == ("", None, {})
    assert read(attributes={"a": None, "b": 1}).attributes == {"b": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"listing_id": ""},
        {"listing_id": "a b"},
        {"listing_id": "é"},
        {"listing_id": "a" * 129},
        {"listing_id": None},
        {"version": -1},
        {"version": 2**63},
        {"version": 1.0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"status": "sold"},
        {"status": None},
        {"event": "listing-deleted"},
        {"title": ""},
        {"title": None},
        {"title": "x" * 1_001},
        {"title": "x" * 5_000_000},
        {"image_urls": []},
        {"image_urls": None},
        {"image_urls": [""]},
        {"image_urls": ["x"] * 21},
        {"image_urls": "x"},
        {"image_urls": [1]},
        {"price_minor": 1},
        {"price_minor": 1.5, "currency": "EUR"},
        {"price_minor": -1, "currency": "EUR"},
        {"price_minor": float("nan"), "currency": "EUR"},
        {"price_minor": 1, "currency": "eur"},
        {"attributes": {"a b": 1}},
        {"attributes": {"a": [1]}},
        {"attributes": {"a": float("inf")}},
        {"attributes": {f"a{n}": n for n in range(33)}},
        {"attributes": {"a": "x" * 1_001}},
        {"category": ["x"] * 17},
        {"occurred_at": "yesterday"},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_outside_of_the_schema(fields: dict[str, Any]) -> None:
    """Each limit of the contract, with a reason of one line that names the field."""
    with pytest.raises(BadMessage) as bad:
        read(**fields)
    assert bad.value.reason == "schema"
    assert "\n" not in bad.value.error
    assert any(name in bad.value.error for name in (*fields, "title and image_urls"))


def test_a_title_is_bounded_in_bytes_too() -> None:
    """As Milvus counts: 1,000 characters of four bytes fit, and no more characters do."""
    assert read(title="𝄞" * 1_000).title == "𝄞" * 1_000


def test_image_urls_are_bounded_in_bytes() -> None:
    """As Milvus counts the JSON of all together: 20 addresses of 2,000 characters fit, but not of three bytes each."""

    def urls(number: int, last: int) -> list[str]:
        return [*(f"http://b/{'é' * 2_039}" for _ in range(number)), f"http://b/{'界' * 300}{'x' * last}"]

    fits = 64_000 - len(json.dumps(urls(15, 0), ensure_ascii=False).encode())
    assert 0 < fits <= 1_739
    assert len(read(image_urls=urls(15, fits)).image_urls) == 16
    for too_long in (urls(15, fits + 1), ["http://b/" + "界" * 1_991] * 20):
        with pytest.raises(BadMessage) as bad:
            read(image_urls=too_long)
        assert bad.value.reason == "schema"
        assert "image_urls is longer than 64000 bytes" in bad.value.error
    assert len(read(image_urls=["http://b/" + "x" * 1_991] * 20).image_urls) == 20


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"nul", b'{"a": "\\ud800"}', b"[" * 100_000])
def test_no_json(value: bytes) -> None:
    """Is told apart from JSON that is no event."""
    with pytest.raises(BadMessage) as bad:
        decode_listing(record(value))
    assert bad.value.reason == "deserialize"


@pytest.mark.parametrize("key", [None, b"", b"m2", b"m1 ", b"\xff\xfe"])
def test_the_key_is_the_listing_id(key: bytes | None) -> None:
    """Or the listing would have two owners."""
    with pytest.raises(BadMessage) as bad:
        decode_listing(record(json.dumps(GOOD).encode(), key))
    assert bad.value.reason == "key-mismatch"


def test_removed_needs_no_more_than_a_version() -> None:
    """Neither a title nor pictures."""
    assert decode_listing(record(b'{"listing_id": "m1", "version": 4, "status": "removed"}')).version == 4


def test_null_is_a_removal_with_its_version_in_the_header() -> None:
    """Other headers beside it change nothing."""
    event = decode_listing(record(None, headers=[("trace", None), ("version", b"9223372036854775807")]))
    assert (event.listing_id, event.version, event.status) == ("m1", 2**63 - 1, "removed")


@pytest.mark.parametrize(
    "version", [None, b"", b"-1", b"+1", b"1.0", b" 1", b"1_0", b"x", "²".encode(), b"9" * 19, b"9" * 5_000]
)
def test_null_without_a_version(version: bytes | None) -> None:
    """Is a bad message: a clock can't be compared with the publisher's counter."""
    with pytest.raises(BadMessage) as bad:
        decode_listing(record(None, headers=[("version", version)]))
    assert bad.value.reason == "schema"
    assert len(bad.value.error) < 300


def test_null_without_a_key() -> None:
    """There is nothing to remove."""
    with pytest.raises(BadMessage):
        decode_listing(record(None, key=None, headers=[("version", b"1")]))
