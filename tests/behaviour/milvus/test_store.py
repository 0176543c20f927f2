"""The store: whole rows in, tombstones before deletes, every write seen by the next read."""

from typing import Any

import pytest
from pymilvus import MilvusClient

from rows import row, source
from schemas.listing import ListingEvent
from schemas.order import Order
from schemas.source import Source
from streams.errors import BadMessage, Broken, SlowDown
from streams.settings import Settings
from workers.milvus.collection import prepare
from workers.milvus.counts import known_listing, rows_by_status, tombstones
from workers.milvus.row import content_of, expected_content, row_of, tombstone_of
from workers.milvus.store import Store

HARD_IDS = ['say "hi"', "back\\slash", "it's", "\\", '"', "a" * 128, "100%_x", "{id}", "a,b]", "\\u0041", "\\n"]


def test_a_row_comes_back_as_it_was(store: Store) -> None:
    """Every field, numbers of 64 bits and texts of several bytes a character among them."""
    written = row(
        "whole",
        [1, 2, 3, 4],
        2**63 - 1,
        title="景色 é",
        category="a/b",
        price_minor=2**62,
        currency="JPY",
        attributes={"size": 26, "new": True, "ratio": 1.5, "note": 'a "quote"'},
        image_urls=["x", "y"],
        updated_at=1_795_392_000_000_000,
    )
    assert store.upsert([written]) == {}
    known = store.known(["whole"], vectors=True)["whole"]
    assert known.row is not None
    assert known.tombstone is None
    assert list(known.row["embedding"]) == pytest.approx(written["embedding"], abs=1e-6)
    assert {**known.row, "embedding": None} == {**written, "embedding": None}
    assert known.row_order == Order.of(2**63 - 1, source(2**63 - 1))


def test_what_a_row_shows_survives(store: Store) -> None:
    """To the last digit and sign, or an audit would find fault with it for ever, and a repair would write for ever."""
    event = ListingEvent(
        listing_id="shown",
        version=2**63 - 1,
        status="on_sale",
        title="\U0001f45f \x00 \t\n e\u0301",
        category=("a/b", " c "),
        price_minor=2**63 - 1,
        currency="JPY",
        image_urls=('x?a=%20&b="',),
        seller_id=" u ",
        attributes={
            "whole": 1.0,
            "tiny": 5e-324,
            "huge": 1.7976931348623157e308,
            "third": 1 / 3,
            "minus": -0.0,
            "e": 1e16,
            "most": 2**63 - 1,
            "least": -(2**63) + 1,
            "yes": True,
            "one": 1,
            "empty": "",
            "text": "\u2028'\\",
        },
    )
    place = Source(topic="listing-created", partition=11, offset=2**53 + 1, timestamp=1_763_856_000_123)
    made = row_of(event, place, vector=[1, 0, 0, 0], image_hash="h", listed_at=None, now=1)
    assert store.upsert([made]) == {}
    kept = store.known(["shown"])["shown"].row
    assert kept is not None
    assert content_of(kept) == expected_content(event, place), {**kept}


def test_what_was_written_is_read(store: Store) -> None:
    """Each read sees the write before it, and what it does not know is known as nothing."""
    for version in range(1, 21):
        store.upsert([row("often", [1, version, 0, 0], version)])
        known = store.known(["often", "never"])
        assert known["often"].row is not None
        assert known["often"].row["version"] == version
        assert (known["never"].row, known["never"].tombstone) == (None, None)


def test_an_upsert_leaves_one_row_of_a_listing(store: Store, client: MilvusClient) -> None:
    """The whole row is replaced: nothing of the older one is left."""
    store.upsert([row("once", [1, 0, 0, 0], 1, brand="old", attributes={"a": 1})])
    store.upsert([row("once", [0, 1, 0, 0], 2)])
    found = client.query(store.collections.listings, 'listing_id == "once"', consistency_level="Strong")
    assert [(each["version"], each["brand"], each["attributes"]) for each in found] == [(2, "", {})]


@pytest.mark.parametrize("listing_id", HARD_IDS)
def test_any_visible_id(store: Store, listing_id: str) -> None:
    """Quotes, backslashes and signs of the filter language are part of the id: written, read, buried."""
    store.upsert([row(listing_id, [1, 1, 0, 0], 7), row(listing_id[:-1] + "!", [1, 1, 0, 0], 8)])
    known = store.known([listing_id])
    assert list(known) == [listing_id]
    assert known[listing_id].row is not None
    assert known[listing_id].row["version"] == 7  # type: ignore[index]
    store.delete_with_tombstone([tombstone_of(listing_id, 9, "removed", source(9))])
    known = store.known([listing_id, listing_id[:-1] + "!"])
    assert known[listing_id].row is None
    assert known[listing_id].tombstone_order == Order.of(9, source(9))
    assert known[listing_id[:-1] + "!"].row is not None


def test_many_at_once(store: Store) -> None:
    """More ids than one filter takes."""
    rows = [row(f"many{number}", [number + 1, 1, 0, 0], number) for number in range(1_203)]
    assert store.upsert(rows) == {}
    known = store.known([each["listing_id"] for each in rows])
    assert all(known[each["listing_id"]].row_order is not None for each in rows)
    assert known["many1202"].row is not None
    assert known["many1202"].row["version"] == 1_202


def test_buried(store: Store, client: MilvusClient) -> None:
    """The row is gone for everyone, the tombstone has version, status and source; buried again, it is the same."""
    store.upsert([row("gone", [1, 0, 0, 1])])
    for _ in range(2):
        store.delete_with_tombstone(
            [tombstone_of("gone", 5, "sold_out", source(5)), tombstone_of("never had a row", 1, "hidden", source(1))]
        )
    known = store.known(["gone", "never had a row"])
    assert known["gone"].row is None
    assert known["gone"].tombstone is not None
    assert (known["gone"].tombstone["version"], known["gone"].tombstone["status"]) == (5, "sold_out")
    assert known["never had a row"].tombstone is not None
    found = client.query(store.collections.listings, 'listing_id == "gone"', consistency_level="Strong")
    assert list(found) == []
    assert known_listing(client, store.collections, "gone").tombstone is not None


def test_the_tombstone_is_written_before_the_row_is_deleted(store: Store, client: MilvusClient) -> None:
    """Where the writing of tombstones fails, the row still stands: no late event finds neither."""
    store.upsert([row("careful", [1, 0, 1, 0])])
    too_long = tombstone_of("careful", 2, "removed", source(2))
    too_long["status"] = "x" * 500
    with pytest.raises((BadMessage, SlowDown)):
        store.delete_with_tombstone([too_long])
    assert store.known(["careful"])["careful"].row is not None


@pytest.mark.parametrize(
    "wrong",
    [{"title": "x" * 5_000}, {"embedding": [1.0, 0.0]}, {"listed_at": "seven"}, {"title": None}],
    ids=["too long", "another dimension", "no number", "no title"],
)
def test_a_refused_row_stands_alone(store: Store, wrong: dict[str, Any]) -> None:
    """Of a batch with one row that Milvus never takes, that row comes back with the reason and the others are in."""
    name = f"bad{abs(hash(str(wrong))) % 1_000}"
    rows = [row(f"{name}-{number}", [1, number, 0, 0]) for number in range(9)]
    rows[4] = row(f"{name}-4", [1, 4, 0, 0], **wrong)
    refused = store.upsert(rows)
    assert list(refused) == [f"{name}-4"]
    assert (refused[f"{name}-4"].reason, bool(refused[f"{name}-4"].error)) == ("row-rejected", True)
    known = store.known([each["listing_id"] for each in rows])
    assert [each for each, found in known.items() if found.row is None] == [f"{name}-4"]


def test_nothing_to_write_is_no_call(store: Store) -> None:
    """An empty batch is done."""
    assert store.upsert([]) == {}
    store.delete_with_tombstone([])
    assert store.known([]) == {}


def test_the_census(settings: Settings, client: MilvusClient) -> None:
    """Rows are counted by status, tombstones by themselves; an upsert counts once."""
    collections = prepare(client, settings, "census@0123456789ab", 4)
    counted = Store(client, collections)
    for version in (1, 2):
        counted.upsert([row(f"{number}", [1, number, 0, 0], version) for number in range(5)])
    counted.upsert([row("5", [1, 5, 0, 0], status="sold_out")])
    counted.delete_with_tombstone([tombstone_of("0", 3, "removed", source(3))])
    assert rows_by_status(client, collections) == {"on_sale": 4, "reserved": 0, "hidden": 0, "sold_out": 1}
    assert tombstones(client, collections) == 1


def test_a_collection_that_is_gone(settings: Settings, client: MilvusClient) -> None:
    """Is our own failure, not a reason to wait or to blame a row."""
    collections = prepare(client, settings, "dropped@0123456789ab", 4)
    gone = Store(client, collections)
    for alias in ("listings", "tombstones"):
        client.drop_alias(settings.named(alias))
    client.drop_collection(collections.listings)
    with pytest.raises(Broken):
        gone.known(["a"])
