"""What is forgotten: a user's shelves and what points to them go, a listing's id becomes its hash, the rest stays."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest

from interactions import action, seen, shelf
from streams.errors import Broken
from streams.keyed_hash import HashKey
from workers.interactions.erasure_list import (
    Erasures,
    apply_erasures,
    read_erasures,
    record_erased_requests,
    record_erasure,
)
from workers.interactions.locks import Lock, hold_lock
from workers.interactions.schema import COLUMNS
from workers.recorder.parse import parse

KEY = HashKey("a key of sixteen characters")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def table(events: list[dict[str, Any]], recorded_at: datetime = NOW) -> pa.Table:
    """Events as they are recorded."""
    rows = parse([json.dumps(each).encode() for each in events]).rows.to_pylist()
    places = {"recorded_at": recorded_at, "partition": 0}
    return pa.Table.from_pylist([row | places | {"offset": number} for number, row in enumerate(rows)], schema=COLUMNS)


EVENTS = [
    shelf("mine", user="me"),
    seen("mine"),
    shelf("theirs", user="them"),
    action("click", "mine"),
    action("click", "theirs", listing_id="m2"),
    shelf("nobody's", user=None, items=0),
]


def test_a_user() -> None:
    """Their shelves and all that points to these; nobody else's."""
    applied = apply_erasures(table(EVENTS), Erasures(users=frozenset({"me"})))
    assert applied.rows.column("request_id").to_pylist() == ["theirs", "theirs", "nobody's"]
    assert (applied.removed, applied.requests) == (3, frozenset({"mine"}))
    later = apply_erasures(
        table([action("like", "mine"), action("like", "theirs")]), Erasures(requests=frozenset({"mine"}))
    )
    assert later.rows.column("request_id").to_pylist() == ["theirs"]
    assert later.requests == frozenset()


def test_a_listing() -> None:
    """Its id becomes its hash as query, as item and in actions; places, scores and counts stay."""
    before = table([*EVENTS, shelf("about", query="m2", items=1)])
    until = int(NOW.timestamp() * 1_000_000)
    applied = apply_erasures(before, Erasures(listings={KEY.of("m2"): until}, key=KEY))
    expected = json.loads(json.dumps(before.to_pylist(), default=str).replace('"m2"', f'"{KEY.of("m2")}"'))
    assert json.loads(json.dumps(applied.rows.to_pylist(), default=str)) == expected
    assert applied.rows.schema == COLUMNS
    assert (applied.removed, applied.renamed) == (0, 4)
    untouched = apply_erasures(
        table(EVENTS, NOW + timedelta(seconds=1)), Erasures(listings={KEY.of("m2"): until}, key=KEY)
    )
    assert untouched.renamed == 0


def test_it_is_remembered(tmp_path: Path) -> None:
    """In files that name neither user nor listing; requests until their day; a line that was torn swallows no other."""
    record_erasure(tmp_path, "user", "h1", KEY.key_id, NOW)
    record_erased_requests(tmp_path, ["r1"], TODAY)
    record_erased_requests(tmp_path, ["old"], TODAY - timedelta(days=1))
    with (tmp_path / ".forgotten" / "requests").open("a") as file:
        file.write("2027-01-01 to")
    record_erased_requests(tmp_path, ["r2"], TODAY)
    found = read_erasures(tmp_path, pytest.fail, TODAY)
    assert (set(found.users), set(found.requests - {"to"}), found.listings) == ({"h1"}, {"r1", "r2"}, {})
    record_erasure(tmp_path, "listing", KEY.of("m2"), KEY.key_id, NOW)
    assert read_erasures(tmp_path, lambda: KEY, TODAY).listings == {KEY.of("m2"): int(NOW.timestamp() * 1_000_000)}
    with pytest.raises(Broken, match="LOOKALIKE_HASH_KEY"):
        read_erasures(tmp_path, lambda: HashKey("another key of this length"), TODAY)


def test_locks(tmp_path: Path) -> None:
    """Exclusive means alone; shared means with others that share; the end of the holder is the end of the lock."""
    with hold_lock(tmp_path, "days", shared=True):
        shared = Lock.acquire(tmp_path, "days", shared=True)
        assert shared is not None
        assert Lock.acquire(tmp_path, "days") is None
        shared.release()
    alone = Lock.acquire(tmp_path, "days")
    assert alone is not None
    assert Lock.acquire(tmp_path, "days", shared=True) is None
    alone.release()
