"""Dead letters are a queue that people work with: list, show, put back; each command in a process of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from awaiting import eventually
from catalogue import Catalogue, catalogue, dumped
from program import document, failed, run
from schemas.dead_letter import DeadLetter
from schemas.source import Source
from streams.clients import admin
from streams.dead_letters import VALUE_BYTES, encode_dead_letter, place_of
from streams.listing_codec import Record
from streams.retry_headers import first_source, retry_state
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import DEAD_LETTER, RETRY, UPDATED


def refused(shop: Catalogue, listing: str, url: str = "", version: int = 1, **fields: Any) -> Source:
    """A dead letter of a listing whose picture can't be had; the place of its event."""
    event = shop.event(listing, version, image_urls=[url or f"file:///nowhere/{listing}.jpg"], **fields)
    source = shop.publish(event)
    shop.letter_of(source)
    return source


def replay(shop: Catalogue, *arguments: str) -> dict[str, Any]:
    """What `dead-letters replay` says."""
    return document(run(shop.settings, "dead-letters", "replay", *arguments, "--json"))


def put_back(shop: Catalogue, source: Source) -> list[Record]:
    """The records in listing-retry of the event that first stood at `source`."""
    return [each for each in read_all(shop.settings, RETRY) if first_source(each) == source]


def outcomes(shop: Catalogue, source: Source, count: int) -> list[str]:
    """What was said of an event, once it was said `count` times."""
    place = (source.topic, source.partition, source.offset)
    found = eventually(
        lambda: told if len(told := shop.outcomes().get(place, [])) >= count else None, f"{count} outcomes of {source}"
    )
    return [each.outcome for each in found or ()]


@pytest.mark.usefixtures("worker")
class TestReplay:
    """With a worker that works off what is put back."""

    def test_a_letter_whose_picture_has_come(self, shop: Catalogue) -> None:
        """Its event is indexed from where it first stood; list says when it was put back, and it is open no more."""
        listing, name = shop.new_id(), f"late-{shop.new_id()}"
        source = refused(shop, listing, (shop.folder / f"{name}.jpg").as_uri())
        place = place_of(source)
        still = document(run(shop.settings, "dead-letters", "list", "--open", "--limit", "1000", "--json"))
        assert [each["replayed"] for each in still["letters"] if each["key"] == listing] == [None]
        shop.picture(77, name)
        assert replay(shop, place, "--dry-run")["matched"] == 1
        assert put_back(shop, source) == []
        assert replay(shop, place) == {
            "matched": 1,
            "by_reason": {"image-missing": 1},
            "replayed": 1,
            "failed": 0,
            "not_replayable": [],
            "errors": [],
            "dry_run": False,
        }
        assert outcomes(shop, source, 2) == ["refused", "indexed"]
        assert shop.row(listing)["source"]["offset"] == source.offset
        listed = document(run(shop.settings, "dead-letters", "list", "--limit", "1000", "--json"))
        assert [bool(each["replayed"]) for each in listed["letters"] if each["key"] == listing] == [True]
        still = document(run(shop.settings, "dead-letters", "list", "--open", "--limit", "1000", "--json"))
        assert listing not in {each["key"] for each in still["letters"]}
        assert still["count"] == sum(still["by_reason"].values())

    def test_twice_is_once(self, shop: Catalogue) -> None:
        """Replayed again, the event is found done: nothing is encoded or written a second time."""
        listing, name = shop.new_id(), f"twice-{shop.new_id()}"
        source = refused(shop, listing, (shop.folder / f"{name}.jpg").as_uri())
        shop.picture(78, name)
        replay(shop, place_of(source))
        outcomes(shop, source, 2)
        written_at = shop.row(listing)["indexed_at"]
        replay(shop, place_of(source))
        assert outcomes(shop, source, 3)[2] == "indexed"
        told = shop.outcomes()[source.topic, source.partition, source.offset]
        assert [each.encoded for each in told] == [False, True, False]
        assert shop.row(listing)["indexed_at"] == written_at

    def test_after_a_newer_version(self, shop: Catalogue) -> None:
        """What has been indexed since stays as it is."""
        listing = shop.new_id()
        source = refused(shop, listing)
        newer = shop.index(shop.event(listing, 2, image_urls=[shop.picture(79)]))
        replay(shop, place_of(source))
        assert outcomes(shop, source, 2)[1] == "superseded"
        assert shop.row(listing)["version"] == newer["version"] == 2

    def test_attempts_count_all_tries(self, shop: Catalogue) -> None:
        """Each refusal adds to them; only the newest letter of an event is put back, so letters do not double."""
        listing = shop.new_id()
        source = refused(shop, listing)
        key = (source.topic, source.partition, source.offset)
        for tried in (2, 3):
            assert replay(shop, place_of(source))["matched"] == 1
            eventually(lambda: len(shop.letters()[key]) == tried, "a letter of the next try")  # noqa: B023 - at once
            assert [each.attempts for each, _ in shop.letters()[key]] == list(range(1, tried + 1))
        assert [retry_state(each).attempts for each in put_back(shop, source)] == [1, 2]
        assert {retry_state(each).tries for each in put_back(shop, source)} == {0}

    def test_a_removal_keeps_its_version(self, shop: Catalogue) -> None:
        """The header of a null value stands in its letter and goes back with it: else it would mean nothing."""
        listing = shop.new_id()
        source = shop.send(UPDATED, listing, None, [("version", b"2")])
        assert outcomes(shop, source, 1) == ["removed"]
        why = DeadLetter(source=source, reason="row-rejected", error="a server that was ill")
        value, headers = encode_dead_letter(Record(source, listing.encode(), None, (("version", b"2"),)), why)
        shop.send(DEAD_LETTER, listing, value, [(name, content) for name, content in headers])
        replay(shop, place_of(source))
        assert outcomes(shop, source, 2) == ["removed", "removed"]

    def test_by_reason(self, shop: Catalogue) -> None:
        """All of a reason, and nothing else."""
        listing = shop.new_id()
        source = shop.send(UPDATED, listing, dumped({"listing_id": listing, "version": "1"}))
        shop.letter_of(source)
        before = document(run(shop.settings, "dead-letters", "list", "--reason", "schema", "--json"))
        told = replay(shop, "--reason", "schema")
        assert set(told["by_reason"]) == {"schema"}
        assert 1 <= told["replayed"] <= before["count"]
        assert len(put_back(shop, source)) == 1


def test_show(shop: Catalogue, worker: object) -> None:
    """Raw bytes as text or base64, the event's headers, and image addresses that give no secret away."""
    listing = shop.new_id()
    url = "ftp://me:secret@example.com/a.jpg?token=hidden"
    event = shop.event(listing, 1, image_urls=[url])
    source = shop.send(UPDATED, listing, dumped(event), [("trace", b"abc"), ("odd", b"\xff")])
    shop.letter_of(source)
    shown = document(run(shop.settings, "dead-letters", "show", place_of(source), "--json"))
    assert json.loads(shown["value"]) == event
    assert shown["images"] == ["ftp://example.com/a.jpg"]
    assert shown["headers"] == [{"name": "trace", "value": "abc"}, {"name": "odd", "value_base64": "/w=="}]
    page = run(shop.settings, "dead-letters", "show", listing).stdout
    assert "ftp://example.com/a.jpg\n" in page
    raw = shop.send(UPDATED, shop.new_id(), b"\xff\xfe")
    shop.letter_of(raw)
    assert "//4=" in run(shop.settings, "dead-letters", "show", place_of(raw)).stdout


def test_what_was_too_large_for_its_letter(stack: Settings, tmp_path: Path) -> None:
    """It is read from where it first stood; where that is gone, it is named, and the others go all the same."""
    with catalogue(stack, tmp_path) as quiet:
        listing = quiet.new_id()
        there = quiet.publish(quiet.event(listing, 1, image_urls=[quiet.picture(81)]))
        gone = there.model_copy(update={"offset": there.offset + 10**6})
        for source in (there, gone):
            why = DeadLetter(source=source, reason="schema", error="too long")
            quiet.send(DEAD_LETTER, listing, None, [*why.headers(), (VALUE_BYTES, b"7000000")])
        ended = run(quiet.settings, "dead-letters", "replay", place_of(there), place_of(gone), "--json")
        told = document(ended, 1)
        assert (told["replayed"], [each["offset"] for each in told["not_replayable"]]) == (1, [gone.offset])
        (record,) = put_back(quiet, there)
        assert json.loads(record.value or b"")["listing_id"] == listing


def test_what_is_larger_than_the_retry_topic_takes(stack: Settings, tmp_path: Path) -> None:
    """It is refused by name with the reason, exit 1; nobody is said to be out of reach, and the others go."""
    with catalogue(stack, tmp_path) as quiet:
        _limit(quiet.settings, quiet.settings.named(RETRY), 100_000)
        values = {"large": os.urandom(200_000), "small": b"{"}
        sources = {name: quiet.send(UPDATED, name, value) for name, value in values.items()}
        for name, source in sources.items():
            why = DeadLetter(source=source, reason="deserialize", error="no")
            value, headers = encode_dead_letter(Record(source, name.encode(), values[name]), why)
            quiet.send(DEAD_LETTER, name, value, headers)
        told = document(run(quiet.settings, "dead-letters", "replay", "--all", "--json"), 1)
        assert (told["replayed"], told["failed"]) == (1, 0)
        (refused,) = told["not_replayable"]
        assert refused["key"] == "large"
        assert "more than listing-retry takes" in refused["why"]
        told = document(run(quiet.settings, "dead-letters", "replay", place_of(sources["large"]), "--json"), 1)
        assert (told["replayed"], len(told["not_replayable"])) == (0, 1)


def _limit(settings: Settings, topic: str, most: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    client = admin(settings)
    for done in client.incremental_alter_configs([resource]).values():
        done.result(10)


def test_what_a_terminal_would_obey(shop: Catalogue, worker: object) -> None:
    """A title, a key, a header and an error of an outsider's move nothing, hide nothing and fill no terminal."""
    listing, evil = shop.new_id(), "\x1b[2J\x9b31m\u202e\u2066good\x07\r"
    shop.index(shop.event(listing, 1, title=evil, brand=evil, attributes={"a": evil}, image_urls=[shop.picture(83)]))
    bad = shop.send(UPDATED, evil * 20_000, b"\xff", [(evil, evil.encode())])
    shop.letter_of(bad)
    url = f"file:///nowhere/{evil}.jpg"
    missing = shop.publish(shop.event(shop.new_id(), 1, title=evil, image_urls=[url]))
    shop.letter_of(missing)
    shop.at_rest()
    for command in (
        ("dead-letters", "list"),
        ("dead-letters", "show", place_of(bad)),
        ("dead-letters", "show", place_of(missing)),
        ("dead-letters", "show", place_of(missing), "--json"),
        ("explain", listing),
        ("explain", listing, "--json"),
        ("neighbors", shop.new_id()),
        ("neighbors", listing, "-k", "100"),
        ("status",),
    ):
        ended = run(shop.settings, *command)
        said = ended.stdout + ended.stderr
        assert said
        assert not set(said) & set("\x1b\x9b\u202e\u2066\x07\r"), command
        assert len(said) < 300_000, command
        assert "Traceback" not in said


def test_places_that_are_none(shop: Catalogue, worker: object) -> None:
    """Exit 1 with nothing sent, also where another place is known; nothing of a reason is no failure."""
    source = refused(shop, shop.new_id())
    line = failed(run(shop.settings, "dead-letters", "replay", place_of(source), "nowhere:0:1"), 1)
    assert "nowhere:0:1" in line
    assert put_back(shop, source) == []
    assert run(shop.settings, "dead-letters", "replay", "--reason", "never").stdout == "no dead letters\n"
    for arguments in ((), ("--all", "--reason", "schema"), ("a:0:1", "--all")):
        failed(run(shop.settings, "dead-letters", "replay", *arguments), 2)
