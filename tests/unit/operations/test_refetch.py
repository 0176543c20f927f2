"""Which event a refetch puts back: the newest, by the log and by what is stored."""

from hypothesis import given
from hypothesis import strategies as st

from changes import change
from schemas.listing import ListingEvent
from schemas.source import Source
from streams.listing_codec import Record, decode_listing, encode_listing
from workers.milvus.row import Known, Row, content_of, event_of_row, expected_content, row_of, tombstone_of
from workers.operations.audit.refetch import newest_record


def a_record(version: int, status: str = "on_sale") -> Record:
    """An event in the log."""
    return change(version=version, offset=version, status=status).received.record


def a_row(version: int, status: str = "on_sale") -> Row:
    """Its row."""
    made = change(version=version, offset=version, status=status)
    return row_of(made.event, made.source, vector=[1.0], image_hash="h", listed_at=None, now=0)


def test_the_logs_newest() -> None:
    """Indexed or not."""
    assert newest_record(Known(a_row(1)), a_record(2)) == a_record(2)
    assert newest_record(Known(a_row(2)), a_record(2)) == a_record(2)
    assert newest_record(Known(), a_record(2)) == a_record(2)


def test_the_row_where_the_log_has_lost_its_event() -> None:
    """As a record at the same place, that a worker reads as the same event."""
    made = newest_record(Known(a_row(3)), a_record(2))
    assert isinstance(made, Record)
    assert made.source == change(version=3, offset=3).source
    event = decode_listing(made)
    assert (event.version, event.listing_id) == (3, "m1")
    assert expected_content(event, made.source) == content_of(a_row(3))


def test_nothing_to_fetch() -> None:
    """Unknown, sold, or removed: said in words."""
    assert "unknown" in str(newest_record(Known(), None))
    assert "sold_out" in str(newest_record(Known(a_row(2, "sold_out")), a_record(2, "sold_out")))
    grave = tombstone_of("m1", 3, "removed", change(version=3).source)
    assert "removed" in str(newest_record(Known(None, grave), a_record(2)))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
events = st.builds(
    ListingEvent,
    listing_id=st.just("m1"),
    version=st.integers(0, 2**63 - 1),
    status=st.sampled_from(["on_sale", "sold_out"]),
    occurred_at=st.none() | st.datetimes(timezones=st.timezones()),
    title=texts.map(lambda text: text or "t"),
    category=st.lists(texts.filter(lambda text: "/" not in text), max_size=4).map(tuple),
    brand=texts,
    price_minor=st.integers(0, 2**63 - 1),
    currency=st.just("JPY"),
    seller_id=texts,
    image_urls=st.lists(texts.map(lambda text: text or "u"), min_size=1, max_size=3).map(tuple),
    attributes=st.dictionaries(
        st.from_regex("[a-z_]{1,8}", fullmatch=True), st.integers(-9, 9) | st.booleans() | texts
    ),
)


@given(events)
def test_a_row_tells_its_event(event: ListingEvent) -> None:
    """All that it shows, through JSON and back, to the microsecond."""
    source = Source(topic="listing-updated", partition=1, offset=2, timestamp=1_763_856_000_123)
    row = row_of(event, source, vector=[], image_hash="h", listed_at=None, now=0)
    record = Record(source, b"m1", encode_listing(event_of_row(row)))
    assert expected_content(decode_listing(record), source) == content_of(row)
