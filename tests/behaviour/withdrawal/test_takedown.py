"""What was taken down is in no answer, its rows go, and later events of it are not indexed until it is undone."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from awaiting import eventually
from catalogue import Catalogue, catalogue
from program import IndexWorker, document, failed, index_worker, run
from streams.errors import LookalikeError
from streams.settings import Settings
from workers.local.ports import free_port
from workers.milvus.neighbors import SearchOptions
from workers.operations.search import Asker


def takedown(shop: Catalogue, *arguments: str) -> dict[str, Any]:
    """What the command says."""
    return document(run(shop.settings, "takedown", *arguments, "--json"))


def three(shop: Catalogue, **fields: Any) -> list[str]:
    """Three listings in a category of their own."""
    ids = [shop.new_id() for _ in range(3)]
    for number, each in enumerate(ids):
        shop.index(shop.event(each, 1, image_urls=[shop.picture(200 + number)], category=[ids[0]], **fields))
    return ids


def answer(asker: Asker, listing: str, category: str) -> set[str]:
    """The neighbours of a listing in its category."""
    return {each.listing_id for each in asker.by_listing(listing, SearchOptions(category=category)).neighbors}


def taken_down(shop: Catalogue, listing: str) -> bool:
    """Whether the row is gone and its tombstone says why."""
    known = shop.known(listing)
    return known.row is None and known.tombstone is not None and known.tombstone["status"] == "taken_down"


def test_a_listing_and_back(either: Catalogue) -> None:
    """Out of the answers of whoever follows, its row buried at its own order; undone, it comes back as it was."""
    one, two, other = three(either)
    with contextlib.closing(Asker(either.settings)) as asker:
        assert answer(asker, one, one) == {two, other}
        before = either.row(two)
        assert takedown(either, "--listing", two, "--reason", "a test")["undone"] is False
        eventually(lambda: answer(asker, one, one) == {other}, "out of the answers", seconds=10)
        with pytest.raises(LookalikeError, match="is not in"):
            asker.by_listing(two, SearchOptions())
        eventually(lambda: taken_down(either, two), "its row is gone")
        grave = either.known(two).tombstone
        assert grave is not None
        assert grave["source"] == before["source"]
        assert "taken down: listing" in document(run(either.settings, "explain", two, "--json"))["answer"]
        listed = takedown(either, "--list")["takedowns"]
        assert [(each["kind"], each["reason"]) for each in listed if each["value"] == two] == [("listing", "a test")]
        assert takedown(either, "--listing", two, "--undo")["put_back"] == 1
        eventually(lambda: either.known(two).row, "its row is back")
        eventually(lambda: answer(asker, one, one) == {two, other}, "back in the answers", seconds=10)
        after = either.row(two)
        assert (after["version"], after["source"], after["image_hash"]) == (1, before["source"], before["image_hash"])


def test_a_seller(shop: Catalogue, worker: IndexWorker) -> None:
    """All that they have, and what they list later; undone, the newest events of all are indexed."""
    seller = f"u-{shop.new_id()}"
    ids = three(shop, seller_id=seller)
    takedown(shop, "--seller", seller)
    for each in ids:
        eventually(lambda each=each: taken_down(shop, each), "its row is gone")  # type: ignore[misc]
    later = shop.new_id()
    event = shop.event(later, 1, image_urls=[shop.picture(210)], seller_id=seller, title="later")
    assert shop.done(event).outcome == "removed"
    newer = shop.event(ids[0], 2, image_urls=[shop.picture(200)], seller_id=seller, title="newer")
    assert shop.done(newer).outcome == "removed"
    assert taken_down(shop, later)
    assert takedown(shop, "--seller", seller, "--undo")["put_back"] == 4
    for each in (*ids, later):
        eventually(lambda each=each: shop.known(each).row, "its row is back")  # type: ignore[misc]
    assert (shop.row(ids[0])["title"], shop.row(later)["title"]) == ("newer", "later")


def test_a_picture(either: Catalogue) -> None:
    """By the file: each listing that shows it, also one that comes later, which is known only once it is fetched."""
    url = either.picture(220, f"bad-{either.new_id()}")
    listing, other = either.new_id(), either.new_id()
    either.index(either.event(listing, 1, image_urls=[url]))
    either.index(either.event(other, 1, image_urls=[either.picture(221)]))
    file = str(Path(url.removeprefix("file://")))
    told = takedown(either, "--image", file)
    eventually(lambda: taken_down(either, listing), "its row is gone")
    again = either.new_id()
    assert either.done(either.event(again, 1, image_urls=[url])).outcome == "removed"
    assert taken_down(either, again)
    assert either.known(other).row
    assert takedown(either, "--image", told["value"], "--undo")["put_back"] >= 2
    for each in (listing, again):
        eventually(lambda each=each: either.known(each).row, "its row is back")  # type: ignore[misc]


def test_with_the_workers_down(stack: Settings, tmp_path: Path) -> None:
    """A process that starts afterwards does not show it; a worker that starts afterwards removes its row first."""
    with catalogue(stack, tmp_path) as market:
        with index_worker(market.settings, "--device", "cpu"):
            one, two, other = three(market)
            market.at_rest()
        takedown(market, "--listing", two)
        told = document(run(market.settings, "neighbors", one, "--category", one, "--json"))
        assert [each["listing_id"] for each in told["neighbors"]] == [other]
        assert "lookalike explain" in failed(run(market.settings, "neighbors", two), 1)
        assert market.known(two).row
        with index_worker(market.settings, "--device", "cpu"):
            eventually(lambda: taken_down(market, two), "its row is gone")
            told = document(run(market.settings, "audit", "--json"))
            assert (told["missing"], told["phantom"], told["stale"]) == (0, 0, 0)


def test_kafka_is_away(shop: Catalogue, worker: IndexWorker) -> None:
    """Nobody knows what was taken down: nothing is shown, and the line says why; nothing can be taken down either."""
    listing = shop.new_id()
    shop.index(shop.event(listing, 1, image_urls=[shop.picture(230)]))
    cut_off = shop.settings.model_copy(update={"kafka": f"127.0.0.1:{free_port()}"})
    line = failed(run(cut_off, "neighbors", listing), 3)
    assert "taken down" in line
    assert cut_off.kafka in line
    failed(run(cut_off, "takedown", "--listing", listing), 3)


def test_no_topic(shop: Catalogue) -> None:
    """Without it nobody can say that nothing was taken down."""
    bare = shop.settings.model_copy(update={"prefix": "nothing_here_"})
    assert "topics create" in failed(run(bare, "takedown", "--listing", "m1"), 1)


def test_wrong_usage(shop: Catalogue) -> None:
    """One thing at a time, and a file that is there."""
    for arguments in (
        (),
        ("--listing", "a", "--seller", "b"),
        ("--list", "--listing", "a"),
        ("--listing", ""),
        ("--image", "/no/such.jpg"),
        ("--seller", "a\nb"),
    ):
        failed(run(shop.settings, "takedown", *arguments), 2)
