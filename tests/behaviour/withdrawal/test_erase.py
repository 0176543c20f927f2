"""An erased listing leaves a keyed hash and a version: no replay, no rebuild and no late event brings it back."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from awaiting import eventually
from catalogue import Catalogue, catalogue
from program import IndexWorker, document, failed, index_worker, run
from schemas.takedown import Takedown
from streams.dead_letters import place_of
from streams.keyed_hash import read_hash_key
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import CREATED, DEAD_LETTER, INDEXED, RETRY, TAKEDOWN, UPDATED
from workers.milvus.collection import collection_names, prepare
from workers.milvus.neighbors import SearchOptions
from workers.milvus.store import Store
from workers.operations.search import Asker


def erase(shop: Catalogue, listing: str, *more: str) -> dict[str, Any]:
    """The receipt."""
    return document(run(shop.settings, "erase", "--listing", listing, *more, "--json"))


def nothing_of(shop: Catalogue, listing: str, model_id: str = "") -> bool:
    """Whether a model's collections have neither row nor tombstone of it."""
    known = shop.known(listing, model_id)
    return known.row is None and known.tombstone is None


def words_of(shop: Catalogue, listing: str) -> dict[str, int]:
    """How many records there are about it in the topics that we write."""
    key = listing.encode()
    found = dict.fromkeys((INDEXED, DEAD_LETTER, RETRY), 0)
    for record in read_all(shop.settings, *found):
        if record.key == key:
            found[record.source.topic.removeprefix(shop.settings.prefix)] += 1
    return found


@pytest.mark.usefixtures("worker")
class TestErase:
    """With a worker that runs."""

    def test_it_is_gone_and_the_receipt_says_so(self, either: Catalogue) -> None:
        """From live, shadow and rollback collections; a late event up to its version is let go of without a word."""
        listing, other = either.new_id(), either.new_id()
        event = either.event(listing, 3, image_urls=[either.picture(240)], category=[other])
        row = either.index(event)
        either.index(either.event(other, 1, image_urls=[either.picture(241)], category=[other]))
        shadow = prepare(either.client, either.settings, "shadow@0123456789ab", len(row["embedding"]))
        Store(either.client, shadow).upsert([row])
        with contextlib.closing(Asker(either.settings)) as asker:
            receipt = erase(either, listing)
            assert (receipt["erased"], receipt["version"]) == (True, 3)
            live = collection_names(either.settings, either.model_id)
            assert {each["name"] for each in receipt["collections"]} >= {
                live.listings,
                live.tombstones,
                shadow.listings,
                shadow.tombstones,
            }
            assert nothing_of(either, listing)
            assert nothing_of(either, listing, "shadow@0123456789ab")
            found = asker.by_listing(other, SearchOptions(category=other)).neighbors
            assert listing not in {each.listing_id for each in found}
        expires = {each["topic"].removeprefix(either.settings.prefix): each for each in receipt["expires"]}
        assert (expires[UPDATED]["records"], expires[UPDATED]["nulls"], expires[CREATED]["nulls"]) == (1, 1, 1)
        assert all(each["gone_by"] for each in receipt["expires"] if each["records"])
        before = words_of(either, listing)
        for version in (1, 2, 3):
            either.publish({**event, "version": version})
        either.send(UPDATED, listing, json.dumps({"listing_id": listing, "version": 3}).encode())
        either.publish({**event, "version": 3, "image_urls": ["file:///nowhere.jpg"]})
        either.at_rest()
        assert nothing_of(either, listing)
        after = words_of(either, listing)
        after[DEAD_LETTER] -= 1  # a message that nobody can read, written after the erasure: it may be a new listing
        assert after == before
        (entry,) = [
            each for each in read_all(either.settings, TAKEDOWN) if receipt["hash"].encode() in (each.key or b"")
        ]
        assert listing.encode() not in (entry.key or b"") + (entry.value or b"")

    def test_a_higher_version_is_a_new_listing(self, shop: Catalogue) -> None:
        """And can be erased again."""
        listing = shop.new_id()
        shop.index(shop.event(listing, 3, image_urls=[shop.picture(242)]))
        erase(shop, listing)
        shop.index(shop.event(listing, 4, image_urls=[shop.picture(242)]))
        assert "in the index at version 4" in document(run(shop.settings, "explain", listing, "--json"))["answer"]
        assert erase(shop, listing)["version"] == 4
        assert nothing_of(shop, listing)

    def test_its_dead_letters_are_not_shown_or_replayed(self, shop: Catalogue) -> None:
        """Nor is it explained; a letter put back before is let go of."""
        listing = shop.new_id()
        source = shop.publish(shop.event(listing, 2, image_urls=[f"file:///nowhere/{listing}.jpg"]))
        _, letter = shop.letter_of(source)
        erase(shop, listing)
        assert "there is no dead letter" in failed(run(shop.settings, "dead-letters", "show", listing), 1)
        assert "there is no dead letter" in failed(run(shop.settings, "dead-letters", "replay", place_of(source)), 1)
        listed = document(run(shop.settings, "dead-letters", "list", "--limit", "1000", "--json"))
        assert listing not in {each["key"] for each in listed["letters"]}
        told = json.loads(run(shop.settings, "explain", listing, "--json").stdout)
        assert (told["events"], told["outcomes"], told["dead_letters"], told["row"]) == ([], [], [], None)
        assert "was erased" in told["answer"]
        before = words_of(shop, listing)
        shop.send(RETRY, listing, letter.value, list(letter.headers), partition=source.partition)
        shop.at_rest()
        assert words_of(shop, listing) == before | {RETRY: before[RETRY] + 1}
        assert nothing_of(shop, listing)

    def test_a_listing_that_nobody_knows(self, shop: Catalogue) -> None:
        """Exit 1, and nothing is written."""
        assert "unknown" in failed(run(shop.settings, "erase", "--listing", "nobody-at-all"), 1)

    def test_from_another_data_folder(self, shop: Catalogue, worker: IndexWorker, tmp_path: Path) -> None:
        """Its key is another, or there is none: refused before anything is written or made, and nothing stops."""
        listing, before = shop.new_id(), len(list(read_all(shop.settings, TAKEDOWN)))
        row = shop.index(shop.event(listing, 1, image_urls=[shop.picture(244)]))
        fresh = shop.settings.model_copy(update={"data": tmp_path})
        other = shop.settings.model_copy(update={"hash_key": SecretStr("a key of another house")})
        for settings in (fresh, other):
            for what in (("--listing", listing), ("--user", "u1", "--yes")):
                line = failed(run(settings, "erase", *what), 2)
                assert "LOOKALIKE_HASH_KEY" in line
                assert read_hash_key(shop.settings).key_id in line
        assert not list(tmp_path.rglob("*"))
        assert len(list(read_all(shop.settings, TAKEDOWN))) == before
        # Somebody wrote such an entry all the same, as earlier releases did.
        foreign = Takedown(kind="erased", value="0" * 64, at=datetime.now(UTC), version=3, key_id="0123456789ab")
        shop.send(TAKEDOWN, foreign.key, foreign.model_dump_json().encode())
        eventually(lambda: worker.events("takedown_not_understood"), "the worker has seen it")
        shop.index(shop.event(listing, 2, image_urls=[shop.picture(245)]))
        assert row["listing_id"] == listing
        assert document(run(shop.settings, "takedown", "--list", "--json"))["unread"] == 1
        assert erase(shop, listing)["erased"]

    def test_a_worker_with_another_key(self, shop: Catalogue, tmp_path: Path) -> None:
        """It does not start, exit 2: it would miss what is erased."""
        fresh = shop.settings.model_copy(update={"data": tmp_path})
        other = shop.settings.model_copy(update={"hash_key": SecretStr("a key of another house")})
        for settings in (fresh, other):
            assert "LOOKALIKE_HASH_KEY" in failed(run(settings, "worker", "index", "--device", "cpu"), 2)
        assert "LOOKALIKE_HASH_KEY" in failed(run(other, "worker", "record", "--once"), 2)

    def test_another_key(self, shop: Catalogue) -> None:
        """A process with another key would miss what was erased: it ends loudly, exit 2."""
        listing = shop.new_id()
        shop.index(shop.event(listing, 1, image_urls=[shop.picture(243)]))
        erase(shop, listing)
        other = shop.settings.model_copy(update={"hash_key": SecretStr("a key of another house")})
        for command in (("takedown", "--list"), ("neighbors", listing), ("erase", "--listing", "m1")):
            line = failed(run(other, *command), 2)
            assert "LOOKALIKE_HASH_KEY" in line
            assert "another house" not in line


def test_a_rebuild_does_not_bring_it_back(stack: Settings, tmp_path: Path) -> None:
    """A fresh group that reads the log from its start, into collections that were emptied; others are all there."""
    with catalogue(stack, tmp_path) as market:
        gone, stays = market.new_id(), market.new_id()
        with index_worker(market.settings, "--device", "cpu"):
            market.index(market.event(gone, 1, image_urls=[market.picture(250)]), CREATED)
            market.index(market.event(gone, 2, image_urls=[market.picture(251)]))
            market.index(market.event(stays, 1, image_urls=[market.picture(252)]))
            market.at_rest()
        receipt = erase(market, gone)  # no worker runs: the command deletes by itself
        assert receipt["erased"]
        assert nothing_of(market, gone)
        anew = Catalogue(market.settings.model_copy(update={}), market.folder)
        collections = collection_names(market.settings, market.model_id)
        for name in (collections.listings, collections.tombstones):
            market.client.drop_alias(market.settings.named(name.removeprefix(market.settings.prefix).split("_")[0]))
            market.client.drop_collection(name)
        _forget_offsets(market)
        with index_worker(market.settings, "--device", "cpu"):
            eventually(lambda: anew.known(stays).row, "the other listing is back")
            market.at_rest()
            told = document(run(market.settings, "audit", "--json"))
            assert (told["missing"], told["phantom"], told["stale"]) == (0, 0, 0)
        assert nothing_of(market, gone)
        anew.close()


def _forget_offsets(market: Catalogue) -> None:
    """The group of the index workers begins at the start of the log again."""
    from streams.clients import admin

    client = admin(market.settings)
    group = market.settings.named(market.group)
    eventually(lambda: _deleted(client, group), "the group is gone", pause=0.5)


def _deleted(client: Any, group: str) -> bool:
    try:
        client.delete_consumer_groups([group])[group].result(10)
    except Exception:  # noqa: BLE001 - it has members for a moment still
        return False
    return True
