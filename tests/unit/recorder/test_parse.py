"""Parsing whole blocks decides as the schema does, record by record, and reads the same values."""

import copy
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions import action, seen, shelf
from schemas.interaction import Item, Shelf, interaction
from schemas.source import Source
from streams.errors import BadMessage
from streams.interactions import decode_interaction
from streams.listing_codec import Record
from workers.recorder.parse import ROWS, parse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD = [shelf("r1"), shelf("r2", items=0), seen("r1"), action("click", "r1"), action("purchase", "r2")]
FILL = 40
"""Good records beside the one that is looked at, so that there is a block."""

HAZARDS: list[Any] = [
    None,
    "",
    " ",
    "a",
    "é",
    "x" * 64,
    "x" * 65,
    "x" * 128,
    "x" * 129,
    "é" * 128,
    "é" * 129,
    "x" * 4_001,
    "a b",
    "\x7f",
    "\u0000",
    "\x1f",
    0,
    1,
    -1,
    1.0,
    1.5,
    1e400,
    2**31,
    2**63,
    1_000,
    1_001,
    True,
    False,
    [],
    {},
    [1],
    [None],
    ["1"],
    "listing",
    "picture",
    "swap",
    "on_sale",
    "gone",
    "live",
    "shelf",
    "click",
    "seen",
    "1",
    "0.5",
    0.5,
    float("nan"),
    float("inf"),
    "2026-11-23T00:00:00Z",
    "2026-11-23T00:00:00",
    "2026-11-23 00:00:00Z",
    "2026-11-23",
    "2026-02-30T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T23:59:60Z",
    "2026-11-23T00:00:00.1234567Z",
    "2026-11-23T00:00:00.123+00:00",
    "2026-11-23T01:00:00+01:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-23T00:00Z",
    1_763_856_000,
    1_763_856_000_000,
    "1763856000",
    [1, 2, 2],
    list(range(1, 201)),
    list(range(1, 202)),
    [1_001],
    [{"listing_id": "a", "position": 1}],
    [{"listing_id": "a", "position": 2}, {"listing_id": "b", "position": 1}],
    [{"listing_id": "a", "position": 1}, {"listing_id": "a", "position": 2}],
    [{"listing_id": "a", "position": 1}, {"listing_id": "b", "position": 1}],
    [{"listing_id": "a", "position": 1}, None],
    {"deep": [[[1]]]},
]


def by_schema(raw: bytes | None) -> dict[str, Any] | None:
    """What the schema makes of a record; None where it takes it not."""
    try:
        event = decode_interaction(Record(Source(topic="", partition=0, offset=0), None, raw))
    except BadMessage:
        return None
    if isinstance(event, Shelf) and any((item.listed_at or 0) >= 2**63 for item in event.items):
        return None  # what no column holds is refused as well
    row = dict.fromkeys(ROWS.names) | event.model_dump()
    row["at"] = event.at.astimezone(UTC)
    for name in ("items", "positions"):
        row[name] = None if row[name] is None else list(row[name])
    return row


def by_block(raws: list[bytes | None]) -> list[dict[str, Any] | None]:
    """What `parse` makes of records."""
    parsed = parse(raws)
    assert set(parsed.bad) | set(parsed.numbers.tolist()) == set(range(len(raws)))
    assert sorted(parsed.numbers.tolist()) == parsed.numbers.tolist()
    rows = dict(zip(parsed.numbers.tolist(), parsed.rows.to_pylist(), strict=True))
    return [rows.get(number) for number in range(len(raws))]


def agrees(raw: bytes | None) -> None:
    """Whether a record, among good ones, is taken or refused alike, with the same values."""
    good: list[bytes | None] = [json.dumps(GOOD[number % len(GOOD)]).encode() for number in range(FILL)]
    found = by_block([*good, raw, *good])
    assert found[FILL] == by_schema(raw), raw
    assert all(row is not None for number, row in enumerate(found) if number != FILL)


def mutated(event: dict[str, Any], choose: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """The event with one of its fields, or of its items' fields, or a foreign field, set to a hazard."""
    event = copy.deepcopy(event)
    fields = [*ROWS.names, "unknown"]
    place = event
    listed = event.get("items")
    items = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if items and choose([True, False]):
        place, fields = choose(items), [*Item.model_fields, "unknown"]
    place[choose(fields)] = choose(HAZARDS)
    return event


@given(st.data())
def test_records_that_are_wrong_in_one_place_or_two(data: st.DataObject) -> None:
    """Any field of any event may hold anything."""

    def choose(options: list[Any]) -> Any:
        return options[data.draw(st.integers(0, len(options) - 1))]

    event = mutated(choose(GOOD), choose)
    if choose([True, False]):
        event = mutated(event, choose)
    agrees(json.dumps(event).encode())


def alike(make: Callable[[Any], list[dict[str, Any]]]) -> None:
    """Whether what `make` does with each hazard is taken or refused alike.

    Hazards of one kind share a block, so that pyarrow can parse it and the columns' own checks decide.
    """
    kinds = [[each for each in HAZARDS if type(each) is kind] for kind in (str, int, float)]
    others = [[each] for each in HAZARDS if type(each) not in (str, int, float)]
    for hazards in [*kinds, *others]:
        raws: list[bytes | None] = [json.dumps(each).encode() for hazard in hazards for each in make(hazard)]
        raws += [json.dumps(GOOD[number % len(GOOD)]).encode() for number in range(FILL)]
        assert by_block(raws) == [by_schema(raw) for raw in raws]


@pytest.mark.parametrize("name", ROWS.names)
def test_each_field_with_each_hazard(name: str) -> None:
    """Of each event."""
    alike(lambda hazard: [event | {name: hazard} for event in GOOD])


@pytest.mark.parametrize("name", Item.model_fields)
def test_each_field_of_an_item_with_each_hazard(name: str) -> None:
    """The same within shelves."""
    items = GOOD[0]["items"]
    alike(lambda hazard: [GOOD[0] | {"items": [items[0], items[1] | {name: hazard}]}])


CLICK = json.dumps(action("click", "r1")).encode()
RAW: dict[str, bytes | None] = {
    "no value": None,
    "nothing": b"",
    "half of it": CLICK[:-9],
    "two objects": CLICK + CLICK,
    "two objects with a space": CLICK + b" " + CLICK,
    "a list": b"[" + CLICK + b"]",
    "text after it": CLICK + b"x",
    "space around it": b" " + CLICK + b"\n",
    "on several lines": json.dumps(shelf("r9"), indent=1).encode(),
    "a carriage return": CLICK.replace(b", ", b",\r", 1),
    "no UTF-8": CLICK.replace(b"r1", b"r\xff"),
    "no UTF-8 where nobody looks": CLICK[:-1] + b', "unknown": "\xff"}',
    "half a surrogate": CLICK[:-1] + b', "unknown": "\\ud800"}',
    "half a surrogate in a word": json.dumps(shelf("r9") | {"variant": "\ud800"}).encode(),
    "a tab in a word": CLICK.replace(b"r1", b"r\t1"),
    "an escape that is none": CLICK.replace(b"r1", b"r\\x1"),
    "escaped letters": CLICK.replace(b'"event"', b'"\\u0065vent"'),
    "a field twice": CLICK[:-1] + b', "request_id": "r2"}',
    "an unknown field twice": CLICK[:-1] + b', "u": 1, "u": 2}',
    "deep, where nobody looks": CLICK[:-1] + b', "u": ' + b"[" * 300 + b"]" * 300 + b"}",
    "deep in objects": CLICK[:-1] + b', "u": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
    "rather deep": CLICK[:-1] + b', "u": ' + b"[" * 150 + b"]" * 150 + b"}",
    "many brackets in a word": json.dumps(shelf("r9") | {"variant": "{[" * 60}).encode(),
    "NaN as a word of its own": json.dumps(shelf("r9") | {"unknown": float("nan")}).encode(),
    "a score that is no number": json.dumps(shelf("r9")).replace('"score": ', '"score": -').encode(),
    "a comma too many": CLICK[:-1] + b",}",
    "a number with a zero before it": CLICK[:-1] + b', "u": 01}',
    "a byte order mark": b"\xef\xbb\xbf" + CLICK,
    "minus zero": json.dumps(shelf("r9")).replace('"propensity": 0.5', '"propensity": -0.0').encode(),
    "minus zero as a position": json.dumps(shelf("r9")).replace('"position": 1', '"position": -0').encode(),
    "a score beyond all numbers": json.dumps(shelf("r9")).replace('"score": 1.0', '"score": 1e400').encode(),
    "a score that is nearly nothing": json.dumps(shelf("r9")).replace('"score": 1.0', '"score": 1e-400').encode(),
    "a place as a decimal": json.dumps(shelf("r9")).replace('"position": 1', '"position": 1.0').encode(),
    "a place as a power": json.dumps(shelf("r9")).replace('"position": 1', '"position": 1e0').encode(),
    "a time of hundreds of digits": json.dumps(shelf("r9")).replace("1763856000000000", "9" * 400).encode(),
    "an item's field twice": json.dumps(shelf("r9")).replace('"position": 1', '"position": 9, "position": 1').encode(),
    "items twice": json.dumps(shelf("r9")).encode()[:-1] + b', "items": []}',
    "a pair of surrogates in a word": json.dumps(shelf("r9") | {"variant": "\U0001f45f"}).encode(),
    "surrogates the wrong way round": json.dumps(shelf("r9") | {"variant": "\udc5f\ud83d"}).encode(),
    "no comma": CLICK.replace(b", ", b" ", 1),
    "two commas": CLICK.replace(b", ", b",, ", 1),
    "a line break in a word": CLICK.replace(b"r1", b"r\n1"),
    "text before it": b"x" + CLICK,
    "NUL after it": CLICK + b"\0",
    "a comment": CLICK[:-1] + b"/**/}",
    "words in single quotes": CLICK.replace(b'"', b"'"),
    "numbers in full": json.dumps(shelf("r9") | {"unknown": 1e-300}).encode(),
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_of_every_kind(name: str) -> None:
    """Whatever the bytes are."""
    agrees(RAW[name])


def test_the_order_is_kept() -> None:
    """Rows are in the order of the values, whichever way each was read."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    values: list[bytes | None] = []
    for number in range(500):
        event = action("click", f"r{number}")
        lines = chance.random() < 0.1
        values.append(b"{" if chance.random() < 0.05 else json.dumps(event, indent=1 if lines else None).encode())
    parsed = parse(values)
    expected = [number for number, value in enumerate(values) if value != b"{"]
    assert parsed.numbers.tolist() == expected
    assert parsed.rows.column("request_id").to_pylist() == [f"r{number}" for number in expected]
    assert {why.reason for why in parsed.bad.values()} == {"deserialize"}


def test_a_time_that_has_no_day_in_utc() -> None:
    """The schema takes it; no day can be given to it, so it is a bad message."""
    event = action("click", "r1") | {"at": "0001-01-01T00:00:00+05:00"}
    assert interaction(json.dumps(event).encode()).request_id == "r1"
    assert "has no day" in parse([json.dumps(event).encode()]).bad[0].error


def test_instants_to_the_microsecond() -> None:
    """What is recorded is what was said."""
    at = EPOCH + timedelta(microseconds=1_763_856_000_123_457)
    raws: list[bytes | None] = [json.dumps(action("click", "r1") | {"at": at.isoformat()}).encode()] * 20
    assert parse(raws).rows.column("at").to_pylist() == [at] * 20
