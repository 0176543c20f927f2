"""The Python API as a program uses it: a listing is published and found, and what is wrong is one kind of error."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from catalogue import Catalogue
from lookalike import ListingEvent, NotFound, Publisher, Searcher, SearchOptions, ServiceUnavailable, UsageError
from pictures import jpeg


@pytest.fixture(scope="module")
def searcher(shop: Catalogue, worker: object) -> Iterator[Searcher]:
    """One for all tests."""
    with closing(Searcher(shop.settings)) as found:
        yield found


def test_published_and_found(shop: Catalogue, searcher: Searcher) -> None:
    """By listing, picture and words; what was removed is found no longer."""
    ids = [shop.new_id() for _ in range(3)]
    publisher = Publisher(shop.settings)
    for number, listing in enumerate(ids):
        publisher.publish(
            ListingEvent(
                listing_id=listing,
                version=1,
                status="on_sale",
                title=f"python {number}",
                category=("python",),
                price_minor=4_205,
                currency="EUR",
                image_urls=(shop.picture(970 + number),),
            )
        )
    delivered = publisher.close()
    assert (delivered.published, delivered.failed, delivered.errors) == (3, 0, [])
    shop.at_rest()
    options = SearchOptions(k=5, category="python", max_price=5_000, currency="EUR")
    answer = searcher.by_listing(ids[0], options)
    assert {each.listing_id for each in answer.neighbors} == set(ids[1:])
    assert {each.price_minor for each in answer.neighbors} == {4_205}
    assert searcher.by_image(jpeg(971), options).neighbors[0].listing_id == ids[1]
    assert {each.listing_id for each in searcher.by_text("a red shoe", options).neighbors} == set(ids)

    publisher = Publisher(shop.settings)
    publisher.remove(ids[1], 2)
    publisher.close()
    shop.at_rest()
    assert {each.listing_id for each in searcher.by_listing(ids[0], options).neighbors} == {ids[2]}


def followers() -> int:
    """How many threads follow the takedowns."""
    return sum(thread.name == "index-takedowns" for thread in threading.enumerate())


def test_one_kind_of_error(shop: Catalogue, searcher: Searcher, tmp_path: Path) -> None:
    """Not in the index, bad input, a service that is unavailable."""
    with pytest.raises(NotFound, match="nobody is not in"):
        searcher.by_listing("nobody", SearchOptions())
    with pytest.raises(UsageError):
        searcher.by_image(b"no picture", SearchOptions())
    away = shop.settings.model_copy(update={"milvus": "http://127.0.0.1:9", "data": tmp_path})
    before = followers()
    with pytest.raises(ServiceUnavailable, match="Milvus at"):
        Searcher(away)
    assert followers() == before  # it left none running
