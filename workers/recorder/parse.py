"""From the values of records to rows of the table: whole blocks at once, and one by one what does not fit a block.

The schema, `schemas.interaction`, decides: it takes some 50 µs for a shelf of ten items. So a block is parsed by
pyarrow, the rows that surely meet the schema are taken (`fits`), and only what is left is shown to the schema itself.
A block that pyarrow can't parse is halved, so a bad record costs a few further looks at its neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.json as pj  # type: ignore[import-untyped]

from schemas.interaction import Event, Shelf
from schemas.listing import INT64_MAX
from schemas.source import Source
from streams.errors import BadMessage
from streams.interactions import decode_interaction
from streams.listing_codec import Record
from workers.interactions.schema import COLUMNS, INSTANT, SHELF_TEXTS
from workers.recorder.schema_check import conforming

PLACE = ("recorded_at", "partition", "offset")
"""What Kafka says of a record, not its value."""
ROWS = pa.schema([field for field in COLUMNS if field.name not in PLACE])

Numbers = npt.NDArray[np.int64]
Values = Sequence[bytes | None]
Block = tuple[Numbers, pa.Table, npt.NDArray[np.bool_]]
"""The numbers of a block's values, its rows that fit, and which these are."""

_AT = ROWS.get_field_index("at")
_LINES = ROWS.set(_AT, pa.field("at", pa.string()))  # the form of a time is looked at before it is read
_OPENS, _CLOSES = b"{}"
_LINE_FEED = ord("\n")
_BRACKET, _CASE = ord("{"), ord("{") - ord("[")  # the two opening brackets differ in one bit
_SLICE = 1 << 18  # bytes that are counted at once: they stay in the cache
_BY_ONE = 16  # records; so few are not worth a block
_BLOCK_BYTES = 1 << 30  # a block is parsed by one thread
_SPARE_BRACKETS = 64
"""Brackets that a record may have beside those of items and positions. The schema's parser takes 200 levels, pyarrow's
more: with so few spare ones nothing is nested too deep for either."""
_NOWHERE = Source(topic="", partition=0, offset=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_DEFAULTS = {
    name: field.default for name in SHELF_TEXTS if isinstance((field := Shelf.model_fields[name]).default, str)
}
"""What a shelf is taken to say where it says nothing: of `query_kind` and `drawn`."""


@dataclass(frozen=True)
class Parsed:
    """Rows as `ROWS` has them, the number of the value that each is from (rising), and what is wrong with the rest."""

    rows: pa.Table
    numbers: Numbers
    bad: dict[int, BadMessage]


def parse(values: Values) -> Parsed:
    """Every value as a row or as a BadMessage (deserialize, schema), in the order of `values`.

    For threads: pyarrow lets go of the interpreter while it parses.
    """
    tables, numbers, alone = [ROWS.empty_table()], [np.empty(0, np.int64)], list[int]()
    for block, table, fits in _blocks(values, np.arange(len(values))):
        tables.append(table)
        numbers.append(block[fits])
        alone += block[~fits].tolist()
    bad: dict[int, BadMessage] = {}
    if alone:
        rows, good = _one_by_one(values, sorted(alone), bad)
        tables.append(rows)
        numbers.append(np.asarray(good, np.int64))
    found, number = pa.concat_tables(tables), np.concatenate(numbers)
    if np.any(np.diff(number) < 0):
        order = np.argsort(number)
        found, number = found.take(pa.array(order)), number[order]
    return Parsed(found, number, bad)


def _blocks(values: Values, numbers: Numbers) -> Iterator[Block]:
    """Blocks that could be parsed, from the first to the last."""
    waiting = [numbers]
    while waiting:
        block = waiting.pop()
        if block.size < _BY_ONE:
            yield _none_of(block)
            continue
        lines = [values[number] or b"" for number in block.tolist()]
        text = b"\n".join(lines)
        if not _is_lines(text, lines):
            plain = np.asarray([_is_lines(line, [line]) for line in lines])
            yield _none_of(block[~plain])
            waiting.append(block[plain])
            continue
        try:
            yield block, *_block(text, lines)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            middle = block.size // 2
            waiting += [block[middle:], block[:middle]]


def _none_of(block: Numbers) -> Block:
    return block, ROWS.empty_table(), np.zeros(block.size, np.bool_)


def _is_lines(text: bytes, lines: list[bytes]) -> bool:
    """Whether each of `lines`, which `text` joins, is one line from brace to brace.

    Such a line is one object, several, or an error. So where a block has as many rows as lines, each line is one row.
    """
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    found = np.frombuffer(text, np.uint8)
    if int(lengths.min()) < 2 or _count(found, _LINE_FEED) != len(lines) - 1 or b"\r" in text:
        return False
    ends = np.cumsum(lengths + 1) - 2
    return bool(np.all(found[ends] == _CLOSES) and np.all(found[ends - lengths + 1] == _OPENS))


def _block(text: bytes, lines: list[bytes]) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """The rows of lines that fit, and which these are. Raises ArrowInvalid or UnicodeDecodeError for a bad one."""
    if not text.isascii():
        text.decode()  # pyarrow takes any bytes for text
    table = pj.read_json(
        pa.BufferReader(text),
        read_options=pj.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pj.ParseOptions(explicit_schema=_LINES, unexpected_field_behavior="ignore"),
    ).combine_chunks()
    if table.num_rows != len(lines):
        raise pa.ArrowInvalid("a line has more than one object")
    fits = conforming(table) & _shallow(table, text, lines)
    if not fits.all():
        table = table.filter(pa.array(fits))
    # A form that is right may still be no time: 30 February.
    table = table.set_column(_AT, ROWS.field("at"), table.column("at").cast(INSTANT))
    shelf = pc.equal(table.column("event"), "shelf")
    for name, default in _DEFAULTS.items():
        absent = pc.and_(shelf, pc.is_null(table.column(name)))
        filled = pc.if_else(absent, default, table.column(name))
        table = table.set_column(ROWS.get_field_index(name), ROWS.field(name), filled)
    return table, fits


def _shallow(table: pa.Table, text: bytes, lines: list[bytes]) -> npt.NDArray[np.bool_]:
    """Which lines are surely not nested too deep: by counting brackets, of all lines, and of each only where needed."""
    items = np.asarray(pc.list_value_length(table.column("items")).fill_null(-1)) + 1
    positions = np.asarray(pc.is_valid(table.column("positions"))).astype(np.int64)
    known = 1 + items + positions
    if _count(np.frombuffer(text, np.uint8), _BRACKET, _CASE) - int(known.sum()) <= _SPARE_BRACKETS:
        return np.ones(len(lines), np.bool_)
    found = np.asarray([line.count(b"{") + line.count(b"[") for line in lines])
    return np.asarray(found - known <= _SPARE_BRACKETS)


def _count(found: npt.NDArray[np.uint8], byte: int, ignoring: int = 0) -> int:
    """How often a byte is there, some of its bits ignored; five times as fast as `bytes.count` where it is often."""
    slices = (found[first : first + _SLICE] for first in range(0, found.size, _SLICE))
    return sum(int(np.count_nonzero((each | ignoring if ignoring else each) == byte)) for each in slices)


def _one_by_one(values: Values, numbers: list[int], bad: dict[int, BadMessage]) -> tuple[pa.Table, list[int]]:
    """The rows of the values that the schema takes, and their numbers; why not, of the others, goes to `bad`."""
    rows, good = list[dict[str, Any]](), list[int]()
    for number in numbers:
        try:
            rows.append(_row(decode_interaction(Record(_NOWHERE, None, values[number]))))
            good.append(number)
        except BadMessage as why:
            bad[number] = why
    return pa.Table.from_pylist(rows, schema=ROWS), good


def _row(event: Event) -> dict[str, Any]:
    if not _FIRST <= event.at <= _LAST:
        raise BadMessage("schema", "at: in UTC it is outside the years 1 to 9999, and has no day")
    if isinstance(event, Shelf) and any((item.listed_at or 0) > INT64_MAX for item in event.items):
        raise BadMessage("schema", "items: listed_at has more than 64 bits")
    return event.model_dump() | {"at": (event.at - _EPOCH) // timedelta(microseconds=1)}
