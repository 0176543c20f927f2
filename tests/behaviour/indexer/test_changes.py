"""What a change of a listing does to its row, seen from outside: events in, rows and outcomes out."""

import pytest

from awaiting import eventually
from catalogue import Catalogue, now_ms
from pictures import jpeg
from streams.publish import Publisher
from streams.topics import CREATED, UPDATED
from web import Web
from workers.milvus.collection import collection_names, live
from workers.milvus.row import Row
from workers.milvus.store import Store

pytestmark = pytest.mark.usefixtures("worker")


def test_a_new_listing_is_indexed(shop: Catalogue) -> None:
    """Its row has what the event says, a vector of length 1, and its place in the log; the outcome tells the stages."""
    listing = shop.new_id()
    event = shop.event(
        listing,
        7,
        title="Canvas sneakers",
        category=["fashion", "shoes"],
        price_minor=4200,
        currency="JPY",
        brand="B",
        seller_id="u9",
        attributes={"size_cm": 26, "new": True},
        image_urls=[shop.picture(1)],
        occurred_at="2026-11-23T00:00:00Z",
    )
    source = shop.publish(event, CREATED)
    outcome = shop.outcome_of(source)
    assert (outcome.outcome, outcome.version, outcome.listing_id) == ("indexed", 7, listing)
    assert (outcome.encoded, outcome.model) == (True, shop.model_id)
    stages = outcome.stages_ms
    assert min(stages.fetch, stages.decode, stages.encode, stages.upsert) > 0
    assert 0 < outcome.event_to_visible_ms < 60_000
    row = shop.row(listing)
    expected = {
        "version": 7,
        "status": "on_sale",
        "title": "Canvas sneakers",
        "category": "fashion/shoes",
        "brand": "B",
        "price_minor": 4200,
        "currency": "JPY",
        "seller_id": "u9",
        "attributes": {"size_cm": 26, "new": True},
        "image_urls": event["image_urls"],
        "updated_at": 1_795_392_000_000_000,
        "listed_at": 1_795_392_000_000_000,
        "source": source.model_dump(),
    }
    assert {name: row[name] for name in expected} == expected  # type: ignore[literal-required]
    assert sum(value * value for value in row["embedding"]) == pytest.approx(1, abs=1e-5)


def test_the_first_worker_makes_its_model_live(shop: Catalogue) -> None:
    """The alias points to the collection that it writes."""
    current = live(shop.client, shop.settings)
    assert current is not None
    assert current.model_id == shop.model_id


def test_a_price_change_fetches_and_encodes_nothing(shop: Catalogue, web: Web) -> None:
    """With unchanged addresses the row gets the new price and keeps its vector; the image host is not asked."""
    listing, url = shop.new_id(), web.serve("/price.jpg", jpeg(2))
    before = shop.index(shop.event(listing, 1, price_minor=100, currency="EUR", image_urls=[url]))
    outcome = shop.done(shop.event(listing, 2, price_minor=90, currency="EUR", image_urls=[url]))
    after = shop.row(listing)
    assert (outcome.outcome, outcome.encoded, outcome.stages_ms.fetch) == ("metadata", False, 0)
    assert (after["price_minor"], after["version"]) == (90, 2)
    assert after["embedding"] == before["embedding"]
    assert after["listed_at"] == before["listed_at"]
    assert web.asked["/price.jpg"] == 1


def test_the_same_picture_under_a_new_address_is_not_encoded(shop: Catalogue, web: Web) -> None:
    """The bytes are fetched and compared; the row takes the new address."""
    listing, body = shop.new_id(), jpeg(3)
    shop.index(shop.event(listing, 1, image_urls=[web.serve("/a.jpg", body)]))
    outcome = shop.done(shop.event(listing, 2, image_urls=[web.serve("/b.jpg", body)]))
    row = shop.row(listing)
    assert (outcome.outcome, outcome.encoded) == ("metadata", False)
    assert row["image_urls"] == [web.url("/b.jpg")]
    assert web.asked["/b.jpg"] == 1


def test_a_new_picture_is_encoded(shop: Catalogue) -> None:
    """Another address with other bytes gives the row another vector."""
    listing = shop.new_id()
    before = shop.index(shop.event(listing, 1, image_urls=[shop.picture(4)]))
    outcome = shop.done(shop.event(listing, 2, image_urls=[shop.picture(5)]))
    after = shop.row(listing)
    assert (outcome.outcome, outcome.encoded) == ("indexed", True)
    assert after["embedding"] != before["embedding"]
    assert after["image_hash"] != before["image_hash"]


@pytest.mark.parametrize("status", ["sold_out", "reserved", "hidden"])
def test_no_longer_on_sale_and_back(shop: Catalogue, status: str) -> None:
    """The row stays with its status, and a relisting is metadata: nothing is encoded either way."""
    listing, urls = shop.new_id(), [shop.picture(6)]
    shop.index(shop.event(listing, 1, image_urls=urls))
    gone = shop.done(shop.event(listing, 2, status=status, image_urls=urls))
    row = shop.row(listing)
    assert (gone.outcome, gone.encoded, row["status"]) == ("metadata", False, status)
    back = shop.done(shop.event(listing, 3, image_urls=urls))
    row = shop.row(listing)
    assert (back.outcome, back.encoded, row["status"]) == ("metadata", False, "on_sale")


def test_a_sale_is_not_lost_by_a_picture_that_is_gone(shop: Catalogue) -> None:
    """Sold with a new picture that can't be had: no row on sale is left, whatever becomes of the picture."""
    listing = shop.new_id()
    shop.index(shop.event(listing, 1, image_urls=[shop.picture(7)]))
    outcome = shop.done(shop.event(listing, 2, status="sold_out", image_urls=["http://127.0.0.1:1/gone.jpg"]))
    known = shop.known(listing)
    assert outcome.outcome == "removed"
    assert known.row is None
    assert known.tombstone is not None
    assert (known.tombstone["version"], known.tombstone["status"]) == (2, "sold_out")


def test_never_on_sale_needs_no_picture(shop: Catalogue, web: Web) -> None:
    """A listing that begins hidden gets a tombstone alone; put on sale, it is indexed."""
    listing, url = shop.new_id(), web.serve("/hidden.jpg", jpeg(8))
    shop.done(shop.event(listing, 1, status="hidden", image_urls=[url]))
    assert shop.known(listing).row is None
    assert web.asked["/hidden.jpg"] == 0
    assert shop.done(shop.event(listing, 2, image_urls=[url])).outcome == "indexed"
    assert shop.known(listing).row is not None


def test_removed_by_status(shop: Catalogue) -> None:
    """The row goes, its tombstone stays and keeps late older events out; a newer event brings the listing back."""
    listing, urls = shop.new_id(), [shop.picture(9)]
    shop.index(shop.event(listing, 5, image_urls=urls))
    source = shop.publish({"listing_id": listing, "version": 6, "status": "removed"})
    assert shop.outcome_of(source).outcome == "removed"
    known = shop.known(listing)
    assert known.row is None
    assert known.tombstone is not None
    assert (known.tombstone["version"], known.tombstone["status"]) == (6, "removed")
    assert known.tombstone["source"] == source.model_dump()
    assert shop.done(shop.event(listing, 4, image_urls=urls)).outcome == "superseded"
    assert shop.known(listing).row is None
    assert shop.done(shop.event(listing, 7, image_urls=urls)).outcome == "indexed"
    assert shop.known(listing).row is not None


def test_removed_by_null_value(shop: Catalogue) -> None:
    """A null value with the version in its header, in both topics, removes the row."""
    listing = shop.new_id()
    shop.index(shop.event(listing, 1, image_urls=[shop.picture(10)]), CREATED)
    publisher = Publisher(shop.settings)
    publisher.remove(listing, 2)
    assert publisher.close().published == 2
    shop.at_rest()
    known = shop.known(listing)
    assert known.row is None
    assert known.tombstone is not None
    assert (known.tombstone["version"], known.tombstone["status"]) == (2, "removed")
    told = [each for group in shop.outcomes().values() for each in group if each.listing_id == listing]
    assert {each.source.topic for each in told if each.version == 2} == {
        shop.settings.named(topic) for topic in (CREATED, UPDATED)
    }


def test_a_late_older_event_is_superseded(shop: Catalogue, web: Web) -> None:
    """It changes nothing, and its picture is not fetched."""
    listing = shop.new_id()
    shop.index(shop.event(listing, 9, title="new", image_urls=[shop.picture(11)]))
    outcome = shop.done(shop.event(listing, 8, title="old", image_urls=[web.serve("/late.jpg", jpeg(12))]))
    row = shop.row(listing)
    assert (outcome.outcome, row["title"]) == ("superseded", "new")
    assert web.asked["/late.jpg"] == 0


@pytest.mark.parametrize("burst", [True, False], ids=["at once", "one after the other"])
def test_versions_three_one_two(shop: Catalogue, burst: bool) -> None:
    """Whatever the order and the borders of batches, version 3 is what the row shows."""
    listing = shop.new_id()
    events = [
        shop.event(listing, version, title=str(version), image_urls=[shop.picture(20 + version)])
        for version in (3, 1, 2)
    ]
    told = shop.outcomes_of(shop.publish_all(events)) if burst else [shop.done(event) for event in events]
    row = shop.row(listing)
    assert (row["version"], row["title"]) == (3, "3")
    assert [each.outcome for each in told] == ["indexed", "superseded", "superseded"]


@pytest.mark.parametrize("burst", [True, False], ids=["at once", "one after the other"])
def test_equal_versions(shop: Catalogue, burst: bool) -> None:
    """The later record wins, by its timestamp first: also where it arrives first."""
    listing, urls, now = shop.new_id(), [shop.picture(30)], now_ms()
    later = shop.event(listing, 1, title="later", image_urls=urls)
    earlier = shop.event(listing, 1, title="earlier", image_urls=urls)
    sources = [shop.publish(later, timestamp=now)]
    if not burst:
        shop.outcomes_of(sources)
    sources.append(shop.publish(earlier, timestamp=now - 1_000))
    told = shop.outcomes_of(sources)
    row = shop.row(listing)
    assert row["title"] == "later"
    assert told[1].outcome == "superseded"


def test_the_same_event_a_hundred_times(shop: Catalogue, web: Web) -> None:
    """The work is done once; each delivery has its outcome."""
    listing, url = shop.new_id(), web.serve("/hundred.jpg", jpeg(31))
    told = shop.outcomes_of(shop.publish_all([shop.event(listing, 1, image_urls=[url])] * 100))
    assert sum(each.encoded for each in told) == 1
    assert web.asked["/hundred.jpg"] == 1
    row = shop.row(listing)
    assert row["version"] == 1


def test_a_bad_winner_gives_way(shop: Catalogue, web: Web) -> None:
    """A newer event whose picture is no picture is dead-lettered, and the older one that it had folded away goes on."""
    listing = shop.new_id()
    good = web.serve("/good.jpg", jpeg(32))
    with web.held("/bad.jpg", b"<html>no picture</html>") as bad:
        sources = shop.publish_all(
            [
                shop.event(listing, 2, title="bad", image_urls=[bad]),
                shop.event(listing, 1, title="good", image_urls=[good]),
            ]
        )
        eventually(lambda: web.asked["/bad.jpg"], "the bad picture is asked for")
    told = shop.outcomes_of(sources)
    row = shop.row(listing)
    assert [each.outcome for each in told] == ["refused", "indexed"]
    assert (row["version"], row["title"]) == (1, "good")
    assert shop.letter_of(sources[0])[0].reason == "image-undecodable"


def test_a_slow_picture_does_not_hold_up_a_price(shop: Catalogue, web: Web) -> None:
    """While a listing's new picture is on its way, the next event of it is not lost: the newest is what is shown."""
    listing, url = shop.new_id(), web.serve("/first.jpg", jpeg(33))
    shop.index(shop.event(listing, 1, image_urls=[url]))
    with web.held("/slow.jpg", jpeg(34)) as slow:
        second = shop.publish(shop.event(listing, 2, image_urls=[slow]))
        third = shop.publish(shop.event(listing, 3, price_minor=5, currency="EUR", image_urls=[url]))
        assert shop.outcome_of(third).outcome == "metadata"
    assert shop.outcome_of(second).outcome == "superseded"
    row = shop.row(listing)
    assert (row["version"], row["price_minor"], row["image_urls"]) == (3, 5, [url])


def test_what_another_wrote_meanwhile_is_not_written_over(shop: Catalogue, web: Web) -> None:
    """A newer row that appears while the picture is on its way (a late write, another owner) stays as it is."""
    listing, url = shop.new_id(), web.serve("/shelf.jpg", jpeg(37))
    row = shop.index(shop.event(listing, 1, image_urls=[url]))
    with web.held("/late.jpg", jpeg(38)) as slow:
        second = shop.publish(shop.event(listing, 2, image_urls=[slow]))
        eventually(lambda: web.asked["/late.jpg"], "its picture is asked for")
        newer: Row = {**row, "version": 5, "title": "newer"}
        Store(shop.client, collection_names(shop.settings, shop.model_id)).upsert([newer])
    assert shop.outcome_of(second).outcome == "superseded"
    assert shop.row(listing)["title"] == "newer"
    shop.done(shop.event(listing, 6, image_urls=[url]))  # what no event explains must not be left to other tests


def test_the_committed_offset_stays_at_an_unfinished_event(shop: Catalogue, web: Web) -> None:
    """While one picture hangs, later events of its partition finish, and what is committed does not pass it."""
    partition, other = 3, 4
    with web.held("/hang.jpg", jpeg(35)) as slow:
        hanging = shop.publish(shop.event(shop.new_id(), 1, image_urls=[slow]), partition=partition)
        later = [
            shop.publish(shop.event(shop.new_id(), 1, image_urls=[shop.picture(36)]), partition=partition)
            for _ in range(5)
        ]
        shop.outcomes_of(later)
        # Both partitions are committed in one call: once the other's is there, so would be this one's.
        elsewhere = shop.publish(shop.event(shop.new_id(), 1, image_urls=[shop.picture(36)]), partition=other)
        shop.outcome_of(elsewhere)
        places = [(UPDATED, partition), (UPDATED, other)]
        eventually(lambda: shop.committed(places)[UPDATED, other] == elsewhere.offset + 1, "the other's commit")
        assert shop.committed(places)[UPDATED, partition] == hanging.offset
    shop.outcome_of(hanging)
    eventually(lambda: shop.committed(places)[UPDATED, partition] == later[-1].offset + 1, "the whole is committed")
