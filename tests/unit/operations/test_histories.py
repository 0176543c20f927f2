"""The generator and its ledger, which the fault suite trusts: told the truth they find nothing, told a lie they do."""

from collections import Counter, defaultdict
from typing import Any

import pytest

from faults.histories import Histories, Made, Pictures
from faults.ledger import Ledger
from schemas.order import Order
from schemas.outcome import Outcome, StagesMs
from schemas.source import Source
from streams.errors import BadMessage
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import first_source
from workers.milvus.row import Known, row_of, tombstone_of

PICTURES = Pictures(good=[f"file:///{number}.jpg" for number in range(9)], bad=["file:///gone.jpg"])
Published = list[tuple[Made, Source]]


def published(seed: int, count: int = 600) -> tuple[Histories, Ledger, Published]:
    """A history in its ledger, every record at a place of its own."""
    histories, ledger, placed = Histories(seed, PICTURES), Ledger(), []
    for offset, made in enumerate(histories.records(count)):
        source = Source(topic=made.topic, partition=0, offset=offset, timestamp=made.timestamp or 1_000 + offset)
        ledger.published(made, source)
        placed.append((made, source))
    return histories, ledger, placed


def truth(entries: Published) -> tuple[dict[str, Known], list[Source]]:
    """What is stored and dead-lettered where all went well, worked out one event at a time."""
    letters = [source for made, source in entries if not made.able]
    good = defaultdict(list)
    for made, source in entries:
        if made.able and made.event is not None:
            good[made.listing_id].append((Order.of(made.event.version, source), made.event, source))
    known = {}
    for listing_id, events in good.items():
        _, event, source = max(events)
        if event.status == "removed":
            known[listing_id] = Known(None, tombstone_of(listing_id, event.version, event.status, source))
        else:
            row = row_of(event, source, vector=[1.0], image_hash="h", listed_at=None, now=0)
            known[listing_id] = Known(row)
    return known, letters


def test_equal_seeds_make_equal_histories() -> None:
    """And another seed another one."""
    assert [made for made, _ in published(1)[2]] == [made for made, _ in published(1)[2]]
    assert [made for made, _ in published(1)[2]] != [made for made, _ in published(2)[2]]


@pytest.mark.parametrize("seed", range(5))
def test_the_account_is_right(seed: int) -> None:
    """What is called readable can be read, and shows the event that was meant; what is not, can't be."""
    for made, source in published(seed)[2]:
        record = Record(source, made.key, made.value, made.headers)
        if made.event is None:
            with pytest.raises(BadMessage):
                decode_listing(record)
        else:
            assert decode_listing(record) == made.event


def test_everything_that_can_happen_happens() -> None:
    """In a few hundred events: every status, null values, both kinds of bad, ties, late arrivals."""
    _, _, entries = published(3, 1_500)
    statuses = Counter(made.event.status for made, _ in entries if made.event)
    assert statuses.keys() == {"on_sale", "reserved", "hidden", "sold_out", "removed"}
    assert any(made.value is None and made.event for made, _ in entries)
    assert any(made.event is None for made, _ in entries)
    assert any(made.event and not made.able for made, _ in entries)
    versions = Counter((made.listing_id, made.event.version) for made, _ in entries if made.event)
    assert max(versions.values()) > 1
    last: dict[str, int] = defaultdict(int)
    late = 0
    for made, _ in entries:
        if made.event:
            late += made.event.version < last[made.listing_id]
            last[made.listing_id] = max(last[made.listing_id], made.event.version)
    assert late > 50


def test_copies_keep_their_first_place() -> None:
    """And are no events of their own."""
    histories, ledger, entries = published(4)
    copies = list(histories.put_back(ledger, 30))
    assert len(copies) == 30
    places = {(source.topic, source.partition, source.offset) for _, source in entries}
    for offset, copy in enumerate(copies):
        source = Source(topic=copy.topic, partition=0, offset=offset)
        ledger.published(copy, source)
        first = first_source(Record(source, copy.key, copy.value, copy.headers))
        assert (first.topic, first.partition, first.offset) in places
    assert len(ledger.entries) == len(entries)


@pytest.mark.parametrize("seed", range(5))
def test_the_truth_is_right(seed: int) -> None:
    """Nothing is found where all went well, and the ends add up to what was published."""
    _, ledger, entries = published(seed)
    report = ledger.verdict(*truth(entries))
    assert report.right, report
    assert report.produced == len(entries)
    assert report.ends["lost"] == report.ends["pending"] == 0
    assert min(report.ends["indexed"], report.ends["superseded"], report.ends["dead_lettered"]) > 0


def lost(known: dict[str, Known], **_: Any) -> str:
    known.pop("h6-0")
    return "missing"


def stale(known: dict[str, Known], entries: Published) -> str:
    first = min(
        (Order.of(made.event.version, source), made.event, source)
        for made, source in entries
        if made.event and made.listing_id == "h6-0"
    )
    row = row_of(first[1], first[2], vector=[1.0], image_hash="h", listed_at=None, now=0)
    known["h6-0"] = Known(row)
    return "stale"


def phantom(known: dict[str, Known], **_: Any) -> str:
    kept = known["h6-0"]
    known["nobody"] = kept
    return "phantom"


@pytest.mark.parametrize("lie", [lost, stale, phantom])
def test_a_lie_is_found(lie: Any) -> None:
    """Each named for what it is."""
    _, ledger, entries = published(6)
    known, letters = truth(entries)
    kind = lie(known=known, entries=entries)
    report = ledger.verdict(known, letters)
    assert report.kinds == {kind: 1}, report


def test_a_letter_of_a_good_event_is_found() -> None:
    """Dead-lettering everything is no way to lose nothing."""
    _, ledger, entries = published(6)
    known, letters = truth(entries)
    _, source = max(
        (each for each in entries if each[0].able and each[0].listing_id == "h6-0"),
        key=lambda each: Order.of(each[0].event.version if each[0].event else 0, each[1]),
    )
    del known["h6-0"]
    assert ledger.verdict(known, [*letters, source]).kinds["refused"] == 1


def test_going_back_is_found() -> None:
    """What an outcome told as written must still be there, or something newer."""
    _, ledger, entries = published(6)
    known, letters = truth(entries)
    told = Outcome(
        listing_id="h6-0",
        version=10_000,
        outcome="indexed",
        model="m@0",
        encoded=True,
        source=entries[0][1],
        event_to_visible_ms=1,
        stages_ms=StagesMs(),
    )
    assert ledger.verdict(known, letters, [told]).kinds == {"regressed": 1}
