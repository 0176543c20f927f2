"""The audit on a real catalogue, on both servers: it finds what is wrong, and only that, and repairs it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from awaiting import eventually
from catalogue import Catalogue, catalogue
from faults.histories import Histories, Pictures
from faults.ledger import Ledger
from pictures import jpeg
from program import document, failed, index_worker, run
from schemas.source import Source
from streams.clients import producer
from streams.publish import Publisher
from streams.settings import Settings
from streams.topics import UPDATED
from workers.milvus.collection import collection_names
from workers.milvus.row import Known, Row, tombstone_of
from workers.milvus.scans import all_rows, all_tombstones
from workers.milvus.store import Store

SEED, EVENTS = 2026, 300


@pytest.fixture(scope="module", params=["lite", "standalone"])
def shop(
    request: pytest.FixtureRequest, stack: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    """A catalogue of its own, on each of the two servers."""
    more = {} if request.param == "lite" else {"milvus": request.getfixturevalue("standalone")}
    with catalogue(stack, tmp_path_factory.mktemp("audited"), **more) as made:
        yield made


@pytest.fixture(scope="module")
def worker(shop: Catalogue) -> Iterator[None]:
    """An index worker on it."""
    with index_worker(shop.settings, "--device", "cpu") as running:
        yield
        assert running.terminate() == 0, running.log()


@pytest.fixture
def store(shop: Catalogue, worker: None) -> Store:
    """For what no worker would ever do."""
    return Store(shop.client, collection_names(shop.settings, shop.model_id))


def audit(shop: Catalogue, *more: str, code: int = 0) -> dict[str, Any]:
    """What the command says once all is committed: before that it takes an event for pending, whatever is stored."""
    shop.at_rest()
    return document(run(shop.settings, "audit", "--json", *more), code)


def everything(store: Store) -> dict[str, Known]:
    """All that is stored."""
    found: dict[str, Known] = {}
    for rows in all_rows(store.client, store.collections, page=50):
        found |= {row["listing_id"]: Known(row) for row in rows}
    for graves in all_tombstones(store.client, store.collections, page=50):
        for grave in graves:
            found[grave["listing_id"]] = Known(found.get(grave["listing_id"], Known()).row, grave)
    return found


def letters_of(shop: Catalogue) -> list[Source]:
    """The first sources of all dead letters."""
    return [found[0][0].source for found in shop.letters().values()]


def a_picture(shop: Catalogue, body: bytes, name: str) -> str:
    """The address of a file."""
    path = shop.folder / name
    path.write_bytes(body)
    return path.as_uri()


def test_histories_come_to_their_ends(shop: Catalogue, store: Store) -> None:
    """Three hundred events in all kinds of disorder, copies put back, and every one of them has its end: by the ledger,
    which never looks, and by the audit, which only looks."""
    pictures = Pictures(
        good=[shop.picture(seed) for seed in range(8)],
        bad=[
            (shop.folder / "gone.jpg").as_uri(),
            a_picture(shop, b"<html>", "page.jpg"),
            "file:///etc/hostname",
            a_picture(shop, jpeg(1)[:300], "half.jpg"),
            "ftp://example.com/a.jpg",
        ],
    )
    histories, ledger = Histories(SEED, pictures), Ledger()
    made = list(histories.records(EVENTS))
    for each, source in zip(made, shop.send_all([each.raw for each in made]), strict=True):
        ledger.published(each, source)
    copies = list(histories.put_back(ledger, 40))
    shop.send_all([each.raw for each in copies])
    shop.at_rest()
    outcomes = [each for told in shop.outcomes().values() for each in told]
    report = ledger.verdict(everything(store), letters_of(shop), outcomes)
    assert report.right, report
    assert report.produced == len(made) >= EVENTS
    said = audit(shop)
    assert said["wrong"] == said["pending"] == said["lost"] == 0, said["findings"]
    assert {end: said[end] for end in ("indexed", "superseded", "dead_lettered")} == {
        end: report.ends[end] for end in ("indexed", "superseded", "dead_lettered")
    }
    assert (said["events"], said["checked"], said["workers"]) == (report.produced, report.checked, 1)


def indexed(shop: Catalogue, seed: int, *statuses: str) -> tuple[str, Row]:
    """A listing with events of these statuses, one after the other; its id, and the row of its first event."""
    listing, urls = shop.new_id(), [shop.picture(seed)]
    first = shop.index(shop.event(listing, 1, image_urls=urls))
    for version, status in enumerate(statuses, start=2):
        shop.done(shop.event(listing, version, status=status, image_urls=urls))
    return listing, first


def lost_row(shop: Catalogue, store: Store) -> tuple[str, str]:
    """A server lost what it had acknowledged."""
    listing, _ = indexed(shop, 1)
    store.delete_rows([listing])
    return listing, "missing"


def lost_tombstone(shop: Catalogue, store: Store) -> tuple[str, str]:
    """So that a late older event would bring the listing back."""
    listing, _ = indexed(shop, 2, "removed")
    store.delete_tombstones([listing])
    return listing, "missing"


def late_write(shop: Catalogue, store: Store) -> tuple[str, str]:
    """A frozen worker wakes up and writes an old row over a newer one."""
    listing, first = indexed(shop, 3, "sold_out", "hidden")
    store.upsert([first])
    return listing, "stale"


def late_write_after_removal(shop: Catalogue, store: Store) -> tuple[str, str]:
    """So that a removed listing is found again."""
    listing, first = indexed(shop, 4, "removed")
    store.upsert([first])
    return listing, "stale"


def late_write_after_null(shop: Catalogue, store: Store) -> tuple[str, str]:
    """The same, where the removal was a null value."""
    listing, first = indexed(shop, 5)
    publisher = Publisher(shop.settings)
    publisher.remove(listing, 9)
    publisher.close()
    eventually(lambda: shop.known(listing).row is None, "removed")
    shop.at_rest()
    store.upsert([first])
    return listing, "stale"


def other_fields(shop: Catalogue, store: Store) -> tuple[str, str]:
    """Someone wrote to the collection: the very version, with another price."""
    listing, first = indexed(shop, 6)
    store.upsert([{**first, "price_minor": 1, "currency": "EUR"}])
    return listing, "stale"


def other_status(shop: Catalogue, store: Store) -> tuple[str, str]:
    """The very version, shown as on sale."""
    listing, _ = indexed(shop, 7, "sold_out")
    row = shop.row(listing)
    store.upsert([{**row, "status": "on_sale"}])
    return listing, "stale"


def row_of_nobody(shop: Catalogue, store: Store) -> tuple[str, str]:
    """A row that nobody published."""
    _, first = indexed(shop, 8)
    store.upsert([{**first, "listing_id": "nobody"}])
    return "nobody", "phantom"


def row_without_a_place(shop: Catalogue, store: Store) -> tuple[str, str]:
    """Written by hand, with what no worker would write."""
    _, first = indexed(shop, 8)
    store.upsert([{**first, "listing_id": 'by "hand"', "source": {"by": "hand"}}])
    return 'by "hand"', "phantom"


def tombstone_of_nobody(shop: Catalogue, store: Store) -> tuple[str, str]:
    """It would hold back every event that will ever come."""
    place = Source(topic=shop.settings.named(UPDATED), partition=0, offset=10**9, timestamp=1)
    store.delete_with_tombstone([tombstone_of("buried", 2**62, "removed", place)])
    return "buried", "phantom"


KINDS = [
    lost_row,
    lost_tombstone,
    late_write,
    late_write_after_removal,
    late_write_after_null,
    other_fields,
    other_status,
    row_of_nobody,
    row_without_a_place,
    tombstone_of_nobody,
]


def test_what_is_wrong_is_found_and_repaired(shop: Catalogue, store: Store) -> None:
    """Every kind of it at once; afterwards all is as the log says, and nothing else was touched."""
    before = everything(store)
    wrong = dict(kind(shop, store) for kind in KINDS)
    _, first = indexed(shop, 9)
    hidden, _ = indexed(shop, 9)
    store.upsert([{**first, "listing_id": hidden, "version": 10**6}])  # a phantom above what the log says
    said = audit(shop, code=1)
    found = {each["listing_id"]: each["kind"] for each in said["findings"]}
    assert found == {**wrong, hidden: found[hidden]}
    assert {each["kind"] for each in said["findings"] if each["listing_id"] == hidden} == {"phantom", "missing"}
    assert (said["missing"], said["stale"], said["phantom"]) == (3, 5, 4)
    assert (said["repaired"], said["wrong"]) == (0, 12)
    said = audit(shop, "--repair")
    assert (said["repaired"], said["wrong"], said["findings"]) == (12, 0, [])
    assert audit(shop)["wrong"] == 0
    after = everything(store)
    assert not {"nobody", 'by "hand"', "buried"} & after.keys()
    assert {each: after[each] for each in before} == before


def test_a_row_whose_record_the_log_has_lost(shop: Catalogue, store: Store) -> None:
    """Is explained where no other record lies at its place, as after compaction: here an aborted transaction's does."""
    listing, first = indexed(shop, 10)
    place = aborted(shop, listing.encode())
    newer: Row = {**first, "version": 5, "source": place.model_dump(), "title": "what the log has lost"}
    store.upsert([newer])
    assert audit(shop)["wrong"] == 0
    store.upsert([{**newer, "source": {**place.model_dump(), "offset": place.offset + 10**6}}])
    assert [each["kind"] for each in audit(shop, code=1)["findings"]] == ["phantom", "missing"]
    assert audit(shop, "--repair")["wrong"] == 0


def test_a_removal_that_the_log_has_lost(shop: Catalogue, store: Store) -> None:
    """A late write over its tombstone is repaired from the tombstone alone."""
    listing, first = indexed(shop, 11)
    place = aborted(shop, listing.encode())
    store.delete_with_tombstone([tombstone_of(listing, 5, "removed", place)])
    assert audit(shop)["wrong"] == 0
    store.upsert([first])
    assert [each["kind"] for each in audit(shop, code=1)["findings"]] == ["stale"]
    assert audit(shop, "--repair")["repaired"] == 1
    assert shop.known(listing).row is None


def aborted(shop: Catalogue, key: bytes) -> Source:
    """A place in the log at which no reader finds a record."""
    placed: list[Source] = []

    def confirmed(error: object, message: Any) -> None:
        assert error is None
        placed.append(
            Source(topic=message.topic(), partition=message.partition(), offset=message.offset(), timestamp=7)
        )

    client: Producer = producer(shop.settings, transactional_id=f"aborted-{key.decode()}")
    client.init_transactions(30)
    client.begin_transaction()
    client.produce(shop.settings.named(UPDATED), b"{}", key, on_delivery=confirmed)
    client.flush(30)
    client.abort_transaction(30)
    return placed[0]


def test_a_letter_excuses_its_event_alone(shop: Catalogue, store: Store) -> None:
    """The newest event is a dead letter: the row must be that of the next lower one, put back where it is not."""
    listing, first = indexed(shop, 12)
    bad = shop.done(shop.event(listing, 2, image_urls=[(shop.folder / "gone.jpg").as_uri()]))
    assert bad.outcome == "refused"
    shop.at_rest()
    assert audit(shop)["wrong"] == 0
    store.delete_rows([listing])
    assert audit(shop, "--repair")["repaired"] == 1
    assert shop.row(listing)["version"] == 1
    assert shop.row(listing)["embedding"] == first["embedding"]


def test_people_see_it_in_plain_lines(shop: Catalogue, store: Store) -> None:
    """What is wrong with which listing, and what puts it right."""
    listing, _ = lost_row(shop, store)
    shop.at_rest()
    said = run(shop.settings, "audit")
    assert said.returncode == 1
    assert f"{listing}: missing: version 1 from" in said.stdout
    assert "is neither stored nor a dead letter" in said.stdout
    assert "lookalike audit --repair" in said.stdout
    assert run(shop.settings, "audit", "--repair").returncode == 0


def test_refetch_takes_the_new_picture(shop: Catalogue, store: Store) -> None:
    """The file behind an unchanged address changed: the row gets its vector and hash, at the version that it had."""
    listing, url = shop.new_id(), a_picture(shop, jpeg(20), "changing.jpg")
    before = shop.index(shop.event(listing, 1, image_urls=[url]))
    a_picture(shop, jpeg(21), "changing.jpg")
    said = document(run(shop.settings, "refetch", listing, "--json"))
    assert (said["requested"], said["listings"]) == (1, [listing])
    after = eventually(lambda: changed(shop, before), "the new picture") or before
    assert after["embedding"] != before["embedding"]
    assert (after["version"], after["source"], after["listed_at"]) == (1, before["source"], before["listed_at"])
    shop.at_rest()
    assert audit(shop)["wrong"] == 0


def changed(shop: Catalogue, before: Row) -> Row | None:
    """The row, once its picture is another."""
    row = shop.row(before["listing_id"])
    return row if row["image_hash"] != before["image_hash"] else None


def test_refetch_of_an_unchanged_picture_writes_nothing(shop: Catalogue, store: Store) -> None:
    """It is fetched and compared, and nothing is encoded."""
    listing, first = indexed(shop, 22)
    document(run(shop.settings, "refetch", listing, "--json"))
    shop.at_rest()
    told = [each for outcomes in shop.outcomes().values() for each in outcomes if each.listing_id == listing]
    assert [(each.outcome, each.encoded) for each in told] == [("indexed", True), ("indexed", False)]
    assert told[1].stages_ms.fetch > 0
    assert shop.row(listing) == first


def test_refetch_names_what_it_does_not_know(shop: Catalogue, store: Store) -> None:
    """And asks for the others all the same."""
    sold, _ = indexed(shop, 23, "sold_out")
    on_sale, _ = indexed(shop, 24)
    ended = run(shop.settings, "refetch", sold, "unheard-of", on_sale, "--json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["listings"] == [on_sale]
    assert "unheard-of: it is unknown" in ended.stderr
    assert f"{sold}: it is sold_out" in ended.stderr
    shop.at_rest()


@pytest.fixture
def idle(stack: Settings, tmp_path: Path) -> Iterator[Callable[[], Catalogue]]:
    """A catalogue whose worker has gone."""
    with catalogue(stack, tmp_path / "pictures") as made:

        def after_a_worker() -> Catalogue:
            with index_worker(made.settings, "--device", "cpu") as running:
                made.index(made.event("m0", 1, image_urls=[made.picture(1)]))
                made.at_rest()
                assert running.terminate() == 0
            return made

        yield after_a_worker


def test_without_a_worker(idle: Callable[[], Catalogue]) -> None:
    """What nobody has worked off is pending, not missing; a repair says that nobody would do it."""
    alone = idle()
    alone.publish(alone.event("m1", 1, image_urls=[alone.picture(2)]))
    said = document(run(alone.settings, "audit", "--json"))
    assert (said["wrong"], said["pending"], said["indexed"], said["workers"]) == (0, 1, 1, 0)
    Store(alone.client, collection_names(alone.settings, alone.model_id)).delete_rows(["m0"])
    assert document(run(alone.settings, "audit", "--json"), 1)["missing"] == 1
    assert "no index worker is in the group" in failed(run(alone.settings, "audit", "--repair", "--json"), 3)


def test_wrong_usage(stack: Settings, tmp_path: Path) -> None:
    """A catalogue without an index, a model that nobody has."""
    with catalogue(stack, tmp_path / "none") as empty:
        assert "nothing is indexed yet" in failed(run(empty.settings, "audit", "--json"), 1)
        assert "no collection" in failed(run(empty.settings, "audit", "--model", "a@0123456789ab", "--json"), 2)
