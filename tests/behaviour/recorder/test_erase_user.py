"""A user is erased from the files, and what comes of them later is not recorded; a listing keeps its places."""

import json
from typing import Any

import polars as pl

from interactions import action, send, session, shelf
from program import document, failed, run
from recording import Recording
from streams.interactions import pseudonym
from streams.keyed_hash import HashKey, read_hash_key
from streams.settings import Settings
from workers.interactions.layout import ERASURES


def key_of(settings: Settings) -> HashKey:
    """The key of the catalogue's keyed hashes, made where it is not there."""
    return read_hash_key(settings, make=True)


def erase(recording: Recording, user: str) -> dict[str, Any]:
    """The receipt."""
    return document(run(recording.settings, "erase", "--user", user, "--yes", "--json"))


def test_a_user_is_erased(recording: Recording) -> None:
    """Their shelves and what points to them are gone, others' rows are as they were, names and offsets too."""
    mine, other = (pseudonym(key_of(recording.settings), user) for user in ("u4711", "u1"))
    events = [*session("a", user=mine), *session("b", user=other), *session("c", user=mine)]
    send(recording.settings, events)
    recording.once()
    before, files = recording.rows(), recording.files()
    receipt = erase(recording, "u4711")
    assert recording.rows().sort("event_id").equals(before.filter(pl.col("request_id") == "b").sort("event_id"))
    assert recording.files() == files
    assert (receipt["removed"], receipt["shelves"], receipt["hash"]) == (8, 2, mine)
    assert sum(each["removed"] for each in receipt["files"]) == 8
    assert {each["file"] for each in receipt["files"]} <= set(files)
    letters = recording.settings.named("interaction-dead-letter")
    assert [each["topic"] for each in receipt["expires"]] == [recording.topic, letters]
    kept = [path.read_text() for path in (recording.folder / ERASURES).iterdir()]
    assert "u4711" not in json.dumps([receipt, kept, recording.files()])
    send(recording.settings, [action("like", "a"), *session("d", user=mine), *session("e", user=other)])
    recording.once()
    assert set(recording.rows()["request_id"]) == {"b", "e"}
    send(recording.settings, [action("like", "d")])
    recording.once()
    assert set(recording.rows()["request_id"]) == {"b", "e"}
    again = erase(recording, "u4711")
    assert (again["removed"], again["files"]) == (0, [])


def test_read_again_after_an_erasure(recording: Recording) -> None:
    """Files that are lost and recorded anew from the log: the user stays erased."""
    mine = pseudonym(key_of(recording.settings), "u4711")
    send(recording.settings, [*session("a", user=mine), *session("b", user="v" * 64)])
    recording.once()
    erase(recording, "u4711")
    for path in recording.folder.glob("day=*/*"):
        path.unlink()
    recording.once("--accept-offsets")
    assert set(recording.rows()["request_id"]) == {"b"}


def test_killed_while_erasing(recording: Recording) -> None:
    """At one step after the other: nothing of others is lost, and asked again it is done."""
    mine = pseudonym(key_of(recording.settings), "u4711")
    send(recording.settings, [*session("a", user=mine), *session("b", user="v" * 64)])
    recording.once()
    theirs = recording.rows().filter(pl.col("request_id") == "b").sort("event_id")
    for name in ("record_erasure", "record_erased_requests", "write_file", "replace_file"):
        recording.killed("workers.interactions.erasure", name, "after", "erase", "--user", "u4711", "--yes")
        assert recording.rows().filter(pl.col("request_id") == "b").sort("event_id").equals(theirs), name
    erase(recording, "u4711")
    assert recording.rows().sort("event_id").equals(theirs)


def test_a_user_who_is_not_there(recording: Recording) -> None:
    """A receipt of nothing; without --yes nobody is erased by a program; without a key nobody can be told."""
    line = failed(run(recording.settings, "erase", "--user", "u1", "--yes"), 2)
    assert "LOOKALIKE_HASH_KEY" in line
    key_of(recording.settings)
    assert "--yes" in failed(run(recording.settings, "erase", "--user", "u1"), 2)
    failed(run(recording.settings, "erase", "--user", "u1", "--listing", "m1", "--yes"), 2)
    assert erase(recording, "u1")["removed"] == 0


def test_a_listing_that_is_erased(recording: Recording) -> None:
    """In what was recorded its id becomes the hash, at the same places; the recorder puts the hash in what is late."""
    from workers.interactions.erasure import erase_listing

    value = key_of(recording.settings).of("m2")
    events = [*session("a"), action("click", "a", listing_id="m2"), shelf("b", query="m2")]
    send(recording.settings, events)
    recording.once()
    before = recording.rows()
    send(recording.settings, [*session("late")])
    receipt = erase_listing(recording.settings, "m2")
    assert (receipt["removed"], receipt["renamed"]) == (0, 3)
    recording.once()
    rows = recording.rows()
    assert "m2" not in json.dumps(rows.to_dicts(), default=str).replace("m2_", "")
    assert rows.height == before.height + 4
    shown = rows.filter(pl.col("request_id") == "a", pl.col("event") == "shelf")["items"].to_list()[0]
    assert [(each["listing_id"], each["position"]) for each in shown] == [("m1", 1), (value, 2), ("m3", 3)]
    assert rows.filter(pl.col("listing_id") == value).height == 1
    assert rows.filter(pl.col("query") == value)["request_id"].to_list() == ["b"]
