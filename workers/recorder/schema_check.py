"""Which rows of a parsed block surely meet the schema, found column by column; what is not sure is left to the schema.

Every check here is as strict as `schemas.interaction`, or stricter: a row that passes is one that the schema takes,
with the same values. A test holds the two against each other.
"""

from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]

from schemas.interaction import (
    CATEGORY_LENGTH,
    ID_LENGTH,
    ITEMS,
    KINDS,
    MAX_POSITION,
    WORD_LENGTH,
    Drawn,
    QueryKind,
    Team,
)
from schemas.listing import LISTING_ID_LENGTH, Status
from workers.interactions.schema import SHELF_TEXTS

Mask = npt.NDArray[np.bool_]

_EVENTS = pa.array(list(KINDS))
_SHELF, _SEEN = (list(KINDS).index(event) for event in ("shelf", "seen"))
_ACTIONS = np.array([code for code, event in enumerate(KINDS) if "listing_id" in KINDS[event].model_fields])
_QUERY_KINDS, _DRAWN, _TEAMS, _STATUSES = (pa.array(get_args(words)) for words in (QueryKind, Drawn, Team, Status))
_AT = r"^[1-9]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)$"


def conforming(table: pa.Table) -> Mask:
    """Which rows surely are interactions; `table` is as `parse.LINES` says, each column in one chunk."""
    column = {name: table.column(name).chunk(0) for name in table.column_names}
    event = np.asarray(pc.index_in(column["event"], value_set=_EVENTS).fill_null(-1))
    shelf, seen, action = event == _SHELF, event == _SEEN, np.isin(event, _ACTIONS)
    known = shelf | seen | action
    fits: Mask = known & _visible(column["request_id"], ID_LENGTH)
    fits &= np.asarray(pc.match_substring_regex(column["at"], _AT).fill_null(False))
    fits &= np.where(shelf, ~_there(column["event_id"]), _visible(column["event_id"], ID_LENGTH))
    fits &= np.where(action, _visible(column["listing_id"], LISTING_ID_LENGTH), ~_there(column["listing_id"]))
    fits &= np.where(seen, _positions(column["positions"]), ~_there(column["positions"]))
    fits &= np.where(shelf, _items(column["items"]), ~_there(column["items"]))
    for name in SHELF_TEXTS:
        # What another event says there is not looked at by the schema either: rare, and left to it.
        there = _there(column[name])
        fits &= ~there | (shelf & _shelf_text(name, column[name]))
    return fits


def _shelf_text(name: str, values: Any) -> Mask:
    if name == "query":
        return _visible(values, LISTING_ID_LENGTH)
    if name == "query_kind":
        return _is(values, _QUERY_KINDS)
    if name == "drawn":
        return _is(values, _DRAWN)
    return _short(values, CATEGORY_LENGTH if name == "category" else WORD_LENGTH)


def _there(values: Any) -> Mask:
    if values.null_count in (0, len(values)):
        return np.full(len(values), values.null_count == 0)
    return np.asarray(values.is_valid())


def _is(values: Any, words: pa.Array) -> Mask:
    return np.asarray(pc.is_in(values, value_set=words))


def _lengths(values: Any) -> npt.NDArray[np.int32]:
    """Of texts in bytes, or of lists; 0 where there is none, for a parser's builder gives these no room."""
    offsets = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, 4 * values.offset)
    return np.diff(offsets)


def _short(values: Any, most: int) -> Mask:
    return np.asarray(_lengths(values) <= most)


def _visible(values: Any, most: int) -> Mask:
    """Which are 1 to `most` visible ASCII characters."""
    lengths = _lengths(values)
    fits = (lengths >= 1) & (lengths <= most)
    if _all_visible(values):
        return np.asarray(fits)
    return np.asarray(fits & np.asarray(pc.match_substring_regex(values, r"^[\x21-\x7e]+$").fill_null(False)))


def _all_visible(values: Any) -> bool:
    """Whether all bytes of a column are visible ASCII: one look at its buffer, for the usual case."""
    data = values.buffers()[2]
    if data is None:
        return True
    found = np.frombuffer(data, np.uint8)
    return found.size == 0 or (int(found.min()) >= 0x21 and int(found.max()) <= 0x7E)


def _rows_without(rows: int, of: npt.NDArray[np.int64], wrong: Mask) -> Mask:
    """Which of `rows` lists have no element that is wrong; `of` is the list that each element is in."""
    fits = np.ones(rows, np.bool_)
    fits[of[wrong]] = False
    return fits


def _lists(values: Any) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The length of each list, and for each element the list that it is in."""
    lengths = _lengths(values)
    return lengths, np.repeat(np.arange(len(values)), lengths)


def _positions(values: Any) -> Mask:
    lengths, of = _lists(values)
    elements = values.flatten()
    numbers = np.asarray(elements.fill_null(0))
    wrong = (numbers < 1) | (numbers > MAX_POSITION)
    return _there(values) & (lengths >= 1) & (lengths <= ITEMS) & _rows_without(len(values), of, wrong)


def _items(values: Any) -> Mask:
    lengths, of = _lists(values)
    items = values.flatten()
    part = {field.name: items.field(field.name) for field in items.type}
    numbers = np.asarray(part["position"].fill_null(0))
    wrong = (numbers < 1) | (numbers > MAX_POSITION) | ~_there(items)
    wrong |= ~_visible(part["listing_id"], LISTING_ID_LENGTH)
    wrong |= ~np.isfinite(np.asarray(part["score"].fill_null(0.0)))
    propensity = np.asarray(part["propensity"].fill_null(1.0))
    wrong |= ~((propensity > 0) & (propensity <= 1))
    wrong |= _there(part["team"]) & ~_is(part["team"], _TEAMS)
    wrong |= _there(part["status"]) & ~_is(part["status"], _STATUSES)
    wrong |= ~_short(part["category"], CATEGORY_LENGTH) | ~_short(part["seller_id"], WORD_LENGTH)
    wrong |= np.asarray(part["listed_at"].fill_null(0)) < 0
    # Positions that do not rise, though each may be there once only, are rare: left to the schema.
    wrong[1:] |= (of[1:] == of[:-1]) & (numbers[1:] <= numbers[:-1])
    wrong |= _twice(part["listing_id"], of)
    return _there(values) & (lengths <= ITEMS) & _rows_without(len(values), of, wrong)


def _twice(listing_ids: Any, of: npt.NDArray[np.int64]) -> Mask:
    """Which elements may have their listing a second time in the same list; by hash, so now and then one too many."""
    hashes = pl.Series(listing_ids).hash().to_numpy() + of.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ordered = np.sort(hashes)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.isin(hashes, again) if again.size else np.zeros(hashes.size, np.bool_)
