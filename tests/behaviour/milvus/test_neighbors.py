"""The search: the nearest first, filtered by values that never become part of the expression."""

import math

import pytest
from pymilvus import MilvusClient

from catalogue import next_prefix
from rows import row
from streams.errors import BadMessage
from streams.settings import Settings
from workers.milvus.collection import Collections, prepare
from workers.milvus.neighbors import Neighbor, SearchOptions, search, stored_vector
from workers.milvus.row import Row
from workers.milvus.store import Store

HARD = ["100%", "a_b", 'say "x"', "it's", "back\\slash", "tab\\t", "é景"]
"""Names of categories that mean something in a filter or a pattern."""


def at(degrees: float) -> list[float]:
    """A direction."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0, 0]


@pytest.fixture(scope="module")
def collection(server: Settings, client: MilvusClient) -> str:
    """A shelf of listings, one a degree, and some special ones at right angles to them."""
    settings = server.model_copy(update={"prefix": next_prefix()})
    collections: Collections = prepare(client, settings, "shelf@0123456789ab", 4)
    rows: list[Row] = [
        row(f"l{degree:02}", at(degree), category="all/plain", price_minor=degree * 100, currency="EUR")
        for degree in range(30)
    ]
    rows += [
        row("sold", at(0.1), status="sold_out"),
        row("reserved", at(0.2), status="reserved"),
        row("hidden", at(0.3), status="hidden"),
        row("yen", at(0.4), price_minor=5, currency="JPY"),
        row("no price", at(0.5)),
        row("brand", at(0.6), brand="Acme", attributes={"market": "JP", "size_cm": 26}),
        row("twin1", at(40), image_hash="t" * 64),
        row("twin2", at(41), image_hash="t" * 64),
    ]
    rows += [row(f"hard{n}", [0, 0, 1, n / 100], category=f"{name}/sub") for n, name in enumerate(HARD)]
    rows += [row(f"near{n}", [0, 0, 1, n / 100], category=f"{name}x/sub") for n, name in enumerate(HARD)]
    rows += [row("ab", [0, 0, 1, 0.5], category="axb/sub"), row("100z", [0, 0, 1, 0.6], category="100zz/sub")]
    rows += [row("exact", [0, 0, 1, 0.7], category="all"), row("aunt", [0, 0, 1, 0.8], category="allsorts/x")]
    assert Store(client, collections).upsert(rows) == {}
    Store(client, collections).known(["l00"])  # a Strong read: from here on a bounded one sees the rows as well
    return collections.listings


def ids(found: list[Neighbor]) -> list[str]:
    """The ids, nearest first."""
    return [each.listing_id for each in found]


def test_the_nearest_first(client: MilvusClient, collection: str) -> None:
    """As many as wanted, by falling cosine, with the fields of a row and the cosine as the score."""
    found = search(client, collection, at(10), SearchOptions(k=5))
    assert found[0].listing_id == "l10"
    assert set(ids(found)) == {"l08", "l09", "l10", "l11", "l12"}
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert found[0].score == pytest.approx(1, abs=1e-5)
    assert found[1].score == pytest.approx(math.cos(math.radians(1)), abs=1e-5)
    assert (found[0].title, found[0].category, found[0].price_minor, found[0].currency, found[0].status) == (
        "title of l10",
        "all/plain",
        1_000,
        "EUR",
        "on_sale",
    )


def test_more_than_there_are(client: MilvusClient, collection: str) -> None:
    """All that is there, each once."""
    found = ids(search(client, collection, at(0), SearchOptions(k=1_000)))
    assert len(found) == len(set(found)) > 40


def test_only_on_sale_unless_asked_for(client: MilvusClient, collection: str) -> None:
    """Sold, reserved and hidden listings are shown only with include_sold."""
    assert not {"sold", "reserved", "hidden"} & set(ids(search(client, collection, at(0), SearchOptions(k=20))))
    assert {"sold", "reserved", "hidden"} <= set(
        ids(search(client, collection, at(0), SearchOptions(k=20, include_sold=True)))
    )


def test_the_query_is_left_out(client: MilvusClient, collection: str) -> None:
    """The listing that is asked by, and what shows its very picture."""
    stored = stored_vector(client, collection, "twin1")
    assert stored is not None
    vector, picture, *_ = stored
    found = ids(search(client, collection, vector, SearchOptions(k=3), without="twin1", without_hash=picture))
    assert found == ["l29", "l28", "l27"]
    kept = search(
        client, collection, vector, SearchOptions(k=3, keep_duplicates=True), without="twin1", without_hash=picture
    )
    assert ids(kept) == ["twin2", "l29", "l28"]


def test_the_same_picture_once(client: MilvusClient, collection: str) -> None:
    """Of listings with the very same picture the nearest stands for all, unless they are wanted."""
    assert ids(search(client, collection, at(40), SearchOptions(k=2))) == ["twin1", "l29"]
    assert ids(search(client, collection, at(40), SearchOptions(k=2, keep_duplicates=True))) == ["twin1", "twin2"]


def test_an_unknown_listing_has_no_vector(client: MilvusClient, collection: str) -> None:
    """None, and nothing is raised, whatever is in the id."""
    for listing_id in ("unknown", 'l10" or "a" == "a', "\\", "景"):
        assert stored_vector(client, collection, listing_id) is None


def test_prices(client: MilvusClient, collection: str) -> None:
    """A price is compared within its currency; a listing without a price is not cheap."""
    found = ids(search(client, collection, at(0), SearchOptions(k=50, max_price=300, currency="EUR")))
    assert found == ["l00", "l01", "l02", "l03"]
    assert ids(search(client, collection, at(0), SearchOptions(k=50, max_price=300, currency="JPY"))) == ["yen"]
    without = search(client, collection, at(0.5), SearchOptions(k=1, expression='listing_id == "no price"'))
    assert [(each.price_minor, each.currency) for each in without] == [(None, None)]


def test_minimum_score(client: MilvusClient, collection: str) -> None:
    """Only what is at least so alike; none where nothing is."""
    found = search(client, collection, at(20), SearchOptions(k=50, min_score=math.cos(math.radians(2.5))))
    assert set(ids(found)) == {"l18", "l19", "l20", "l21", "l22"}
    assert search(client, collection, [0, -1, 0, 0], SearchOptions(min_score=0.5)) == []


def test_filter_expressions(client: MilvusClient, collection: str) -> None:
    """Any field, attributes among them, in Milvus' own language, beside the other filters."""
    for expression in ('brand == "Acme"', 'attributes["market"] == "JP"', 'attributes["size_cm"] > 25'):
        assert ids(search(client, collection, at(0), SearchOptions(expression=expression))) == ["brand"]
    both = SearchOptions(k=50, expression='listing_id == "sold" or listing_id == "l00"')
    assert ids(search(client, collection, at(0), both)) == ["l00"]


def test_a_filter_that_is_none(client: MilvusClient, collection: str) -> None:
    """Is refused as such: not a reason to wait for Milvus, and none that widens what else was asked for."""
    for expression in (
        "brand ==",
        "no_such_field == 1",
        "(((",
        "true) or (true",
        "price_minor < 99999999999999999999",
        "price_minor < 1e",
        "brand == 1 and",
        "title in 5",
        "vector > 1",
    ):
        with pytest.raises(BadMessage):
            search(client, collection, at(0), SearchOptions(expression=expression))


@pytest.mark.parametrize("number", range(len(HARD)), ids=HARD)
def test_category_names_are_names(client: MilvusClient, collection: str, number: int) -> None:
    """A category is it and what is below it; `%`, `_`, quotes and backslashes stand for themselves."""
    for category in (HARD[number], f"{HARD[number]}/sub", f"/{HARD[number]}/"):
        assert ids(search(client, collection, [0, 0, 1, 0], SearchOptions(k=50, category=category))) == [
            f"hard{number}"
        ]


def test_a_category_and_all_below(client: MilvusClient, collection: str) -> None:
    """Not those whose names begin alike."""
    found = ids(search(client, collection, [0, 0, 1, 0], SearchOptions(k=100, category="all")))
    assert len(found) == 31
    assert "exact" in found
    assert "aunt" not in found


def test_a_category_that_would_be_an_expression(client: MilvusClient, collection: str) -> None:
    """Finds nothing and breaks nothing."""
    for category in ('x" or status == "on_sale', '")', "%", "_%", "\\"):
        assert search(client, collection, at(0), SearchOptions(category=category)) == []
