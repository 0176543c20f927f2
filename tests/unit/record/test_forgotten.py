"""What is forgotten: a user's shelves and what points to them go, a listing's id becomes its hash, the rest stays."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest

from interactions import action, seen, shelf
from streams.failures import Broken
from streams.hash_key import HashKey
from workers.record.columns import COLUMNS
from workers.record.forgotten import Forgotten, apply, read_forgotten, remember, remember_requests
from workers.record.locks import Lock, holding
from workers.record.parse import parse

KEY = HashKey("a key of sixteen characters")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def table(events: list[dict[str, Any]], recorded_at: datetime = NOW) -> pa.Table:
    """Events as they are recorded."""
    rows = parse([json.dumps(each).encode() for each in events]).rows.to_pylist()
    places = {"recorded_at": recorded_at, "partition": 0}
    return pa.Table.from_pylist([row | places | {"offset": number} for number, row in enumerate(rows)], schema=COLUMNS)


EVENTS = [
    shelf("mine", user="me"), seen("mine"), shelf("theirs", user="them"), action("click", "mine"),
    action("click", "theirs", listing_id="m2"), shelf("nobody's", user=None, items=0),
]  # fmt: skip


def test_a_user() -> None:
    """Their shelves and all that points to these; nobody else's."""
    applied = apply(table(EVENTS), Forgotten(users=frozenset({"me"})))
    assert applied.rows.column("request_id").to_pylist() == ["theirs", "theirs", "nobody's"]
    assert (applied.removed, applied.requests) == (3, frozenset({"mine"}))
    later = apply(table([action("like", "mine"), action("like", "theirs")]), Forgotten(requests=frozenset({"mine"})))
    assert later.rows.column("request_id").to_pylist() == ["theirs"]
    assert later.requests == frozenset()


def test_a_listing() -> None:
    """Its id becomes its hash as query, as item and in actions; places, scores and counts stay."""
    before = table([*EVENTS, shelf("about", query="m2", items=1)])
    until = int(NOW.timestamp() * 1_000_000)
    applied = apply(before, Forgotten(listings={KEY.of("m2"): until}, key=KEY))
    expected = json.loads(json.dumps(before.to_pylist(), default=str).replace('"m2"', f'"{KEY.of("m2")}"'))
    assert json.loads(json.dumps(applied.rows.to_pylist(), default=str)) == expected
    assert applied.rows.schema == COLUMNS
    assert (applied.removed, applied.renamed) == (0, 4)
    untouched = apply(table(EVENTS, NOW + timedelta(seconds=1)), Forgotten(listings={KEY.of("m2"): until}, key=KEY))
    assert untouched.renamed == 0


def test_it_is_remembered(tmp_path: Path) -> None:
    """In files that name neither user nor listing; requests until their day; a line that was torn swallows no other."""
    remember(tmp_path, "user", "h1", KEY.key_id, NOW)
    remember_requests(tmp_path, ["r1"], TODAY)
    remember_requests(tmp_path, ["old"], TODAY - timedelta(days=1))
    with (tmp_path / ".forgotten" / "requests").open("a") as file:
        file.write("2027-01-01 to")
    remember_requests(tmp_path, ["r2"], TODAY)
    found = read_forgotten(tmp_path, pytest.fail, TODAY)
    assert (set(found.users), set(found.requests - {"to"}), found.listings) == ({"h1"}, {"r1", "r2"}, {})
    remember(tmp_path, "listing", KEY.of("m2"), KEY.key_id, NOW)
    assert read_forgotten(tmp_path, lambda: KEY, TODAY).listings == {KEY.of("m2"): int(NOW.timestamp() * 1_000_000)}
    with pytest.raises(Broken, match="LOOKALIKE_HASH_KEY"):
        read_forgotten(tmp_path, lambda: HashKey("another key of this length"), TODAY)


def test_locks(tmp_path: Path) -> None:
    """Exclusive means alone; shared means with others that share; the end of the holder is the end of the lock."""
    with holding(tmp_path, "days", shared=True):
        shared = Lock.take(tmp_path, "days", shared=True)
        assert shared is not None
        assert Lock.take(tmp_path, "days") is None
        shared.close()
    alone = Lock.take(tmp_path, "days")
    assert alone is not None
    assert Lock.take(tmp_path, "days", shared=True) is None
    alone.close()
