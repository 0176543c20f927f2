"""The demo's listings and its sale, planned without a server."""

from pathlib import Path

import pytest
from PIL import Image

from schemas.listing import ListingEvent
from streams.errors import UsageError
from workers.demo.catalogue import BUNDLED, assorted, catalogue, changed, repriced
from workers.demo.sale import plan


@pytest.fixture(scope="module")
def bundled() -> list[ListingEvent]:
    """The bundled pictures as listings."""
    return catalogue(BUNDLED)


def pictures(folder: Path, count: int) -> Path:
    """A folder of so many pictures."""
    for number in range(count):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def test_listings_are_valid_events(bundled: list[ListingEvent]) -> None:
    """What was dressed up without validation passes it, price with currency and all; ids differ."""
    assert 400 <= len(bundled) <= 600
    assert len({event.listing_id for event in bundled}) == len(bundled)
    for event in bundled:
        ListingEvent.model_validate_json(event.model_dump_json())
        assert event.price_minor is not None
        assert 300 <= event.price_minor <= 30_000
        assert event.currency == "JPY"


def test_each_run_invents_the_same(bundled: list[ListingEvent]) -> None:
    """Prices, brands and attributes are drawn from the id."""
    again = {event.listing_id: event for event in catalogue(BUNDLED)}
    same = ("price_minor", "brand", "seller_id", "attributes", "title", "category", "image_urls")
    for event in bundled:
        assert [getattr(event, name) for name in same] == [getattr(again[event.listing_id], name) for name in same]


@pytest.mark.parametrize(("count", "words"), [(0, "no JPEG, PNG or WebP"), (9, "only 9 pictures")])
def test_too_few_pictures(tmp_path: Path, count: int, words: str) -> None:
    """One line that says what is there and what is needed; wrong usage."""
    with pytest.raises(UsageError, match=words):
        catalogue(pictures(tmp_path, count))


def test_no_such_folder(tmp_path: Path) -> None:
    """It is named; wrong usage."""
    with pytest.raises(UsageError, match=r"nowhere is not a folder"):
        catalogue(tmp_path / "nowhere")


def test_a_change_is_the_whole_listing_at_a_higher_version(bundled: list[ListingEvent]) -> None:
    """Even where the clock stands still or goes back; the pictures stay, so that none is encoded."""
    ahead = bundled[0].model_copy(update={"version": 2**62})
    after = repriced(ahead)
    assert after.version > ahead.version
    assert after.event == "listing-updated"
    assert after.image_urls == ahead.image_urls
    assert 0 < (after.price_minor or 0) < (ahead.price_minor or 0)
    assert changed(after, status="sold_out").price_minor == after.price_minor


def test_assorted_takes_every_category_before_a_second_of_one(bundled: list[ListingEvent]) -> None:
    """As many different categories as there are places; no listing twice; the same again next time."""
    categories = {event.category for event in bundled}
    few, many = assorted(bundled, 14), assorted(bundled, 100)
    assert len({event.category for event in few}) == 14
    assert {event.category for event in many} == categories
    assert len({event.listing_id for event in many}) == 100
    assert assorted(reversed(bundled), 14) == few
    assert len(assorted(bundled[:5], 9)) == 5


@pytest.mark.parametrize("count", [10, 12, 40, 80, 400])
@pytest.mark.parametrize("shelf", [0, 2, 8])
def test_the_sale_fits_any_catalogue(bundled: list[ListingEvent], count: int, shelf: int) -> None:
    """Sold and removed never meet, the relisted are among the sold, the query stays, and its shelf loses some."""
    listings = bundled[:count]
    query, near = listings[0], [event.listing_id for event in listings[1 : shelf + 1]]
    sale = plan(listings, query, near)
    sold, relisted, removed = (
        {event.listing_id for event in each} for each in (sale.sold, sale.relisted, sale.removed)
    )
    assert relisted < sold
    assert len(relisted) == len(sold) // 2
    assert not sold & removed
    assert removed
    assert query.listing_id not in sold | removed
    assert set(near[:4]) <= sold | removed
    assert sale.marks == dict.fromkeys(sold - relisted, "sold") | dict.fromkeys(removed, "removed")
    if count == 400:
        assert (len(sold), len(relisted), len(removed)) == (20, 10, 5)
