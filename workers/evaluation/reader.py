"""From recorded interactions, as Parquet, to shelves: each record once, each action within its window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workers.evaluation.actions import Actions, read_actions, read_actions_of
from workers.evaluation.attribution import acted_and_heard, attribute_actions
from workers.evaluation.deduplication import first_occurrences, record_numbers
from workers.evaluation.hashing import hash64, mix
from workers.evaluation.seen_reporting import STRATUM, Reporting, reporting, with_visibility
from workers.evaluation.shelves import (
    DRAWN,
    STATUSES,
    TEAMS,
    UNKNOWN_DRAW,
    USUAL,
    Categorical,
    Hashes,
    Shelves,
    Windows,
    day_of,
    make_shelves,
)
from workers.evaluation.unknown_words import count_unknown
from workers.interactions.portions import count_rows, portions
from workers.interactions.scan import collect, scan

_WORDS = ("surface", "layout", "model", "anchor", "policy", "variant", "app_version")
_HEADS = (
    "request_id",
    "at",
    "partition",
    "offset",
    "category",
    "user",
    "session",
    "query",
    "query_kind",
    "drawn",
    *_WORDS,
    "items",
)
_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
_ROWS_AT_ONCE = 50_000
_MAX_POSITION = 32_767
"""What 16 bits hold; a later schema may allow longer shelves, of which the rest counts as the last place."""


def read_shelves(
    folder: Path, since: date, until: date, windows: Windows = USUAL, *, reports_seen: bool | None = None
) -> Shelves:
    """The shelves of the days [since, until), with all that came of them, oldest first; see `Days`."""
    days = Days.of(folder, since, until, windows, reports_seen=reports_seen)
    return concatenate([days.read(day) for day in days.each()])


@dataclass(frozen=True)
class Days:
    """What is needed to read the shelves of one day after the other: what people did, and what was sent twice.

    Whatever the order of records and files, the result is the same, and that of a day the same as it is among others.
    """

    folder: Path
    since: date
    until: date
    windows: Windows
    reports_seen: bool | None

    @classmethod
    def of(
        cls, folder: Path, since: date, until: date, windows: Windows = USUAL, *, reports_seen: bool | None = None
    ) -> Self:
        """The days [since, until) of a folder of recorded interactions.

        Where `reports_seen` is true only shelves with a `seen` count as visible, where it is false every shelf does and
        every item as seen; not given, it is found for each day's surfaces, layouts and app versions (`seen_reporting`).
        """
        return cls(folder, since, until, windows, reports_seen)

    @cached_property
    def actions(self) -> Actions:
        """What people did on shelves of these days, all of it in memory."""
        return read_actions(self.folder, self.since, self.until, self.windows)

    @cached_property
    def repeated(self) -> NDArray[np.int64]:
        """The records of shelves that another record of the same request id came before."""
        return _repeated(self.folder, self.since, self.until)

    def records(self) -> int:
        """How many records are read for these days, those of their actions included."""
        last = (self.until - self.since + self.windows.longest).days + 3
        return count_rows(self.folder, [self.since + number * _DAY for number in range(-2, last)])

    def each(self) -> list[date]:
        """The days, oldest first, whether there is anything of them or not."""
        return [self.since + number * _DAY for number in range((self.until - self.since).days)]

    def read(self, day: date) -> Shelves:
        """The shelves of a day, oldest first, with all that came of them. May be called by several threads at once."""
        names = ("event", *_HEADS)
        table = collect(lambda: scan(self.folder, day, day + _DAY, names).filter(pl.col("event") == "shelf"))
        table = table.filter(~np.isin(record_numbers(table), self.repeated)).sort("at", "request_id")
        requests = hash64(table["request_id"])
        return self._joined(table, requests, self.actions, self._reporting([table], self.actions))

    def _joined(self, table: pl.DataFrame, requests: Hashes, actions: Actions, reports: Reporting) -> Shelves:
        shelves = attribute_actions(_shelves(table, requests), requests, actions, self.windows)
        return with_visibility(shelves, reports)

    def _reporting(self, tables: Iterable[pl.DataFrame], actions: Actions) -> Reporting:
        """Where `seen` is reported, by all shelves of a day, in whatever parts."""
        if self.reports_seen is not None:
            return self.reports_seen
        counts = []
        for table in tables:
            at, requests = table["at"].dt.epoch("us").to_numpy(), hash64(table["request_id"])
            acted, heard = acted_and_heard(at, requests, actions, self.windows)
            words = table.select(pl.col(STRATUM).fill_null("")).with_columns(acted=acted, both=acted & heard)
            counts.append(words.group_by(STRATUM).agg(pl.col("acted", "both").cast(pl.Int64).sum()))
        return reporting(pl.concat(counts)) if counts else frozenset()

    def parts(self, day: date) -> Sequence[Callable[[], Shelves]]:
        """The shelves of a day in parts, each read when it is called, by several threads at once; together as `read`.

        A part takes some 150 MB; what is held for all of them 0.2 kB a shelf of the day. Raises where files are merged
        meanwhile: see `portions`.
        """
        requests, repeated = _requests(self.folder, day)
        actions = read_actions_of(self.folder, day, requests, self.windows)

        def once(portion: pl.LazyFrame) -> pl.DataFrame:
            table = portion.filter((pl.col("event") == "shelf") & (pl.col("at").dt.date() == day)).collect()
            return table.filter(~np.isin(record_numbers(table), repeated))

        heads = ("event", "request_id", "at", "partition", "offset", *STRATUM)
        whole_day = map(once, portions(self.folder, [day], heads, 5 * _ROWS_AT_ONCE))
        reports = self._reporting(whole_day, actions)

        def read(portion: pl.LazyFrame) -> Shelves:
            table = once(portion)
            return self._joined(table, hash64(table["request_id"]), actions, reports)

        return [partial(read, each) for each in portions(self.folder, [day], ("event", *_HEADS), _ROWS_AT_ONCE)]


def concatenate(parts: list[Shelves]) -> Shelves:
    """Shelves one after the other, in the order given."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return make_shelves(np.zeros((0, 0)))
    width = max(part.width for part in parts)
    columns: dict[str, Any] = {}
    for name in (each.name for each in fields(Shelves)):
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], Categorical):
            names, codes = _one_table([value.names for value in values])
            columns[name] = Categorical(np.concatenate([c[v.codes] for c, v in zip(codes, values, strict=True)]), names)
        elif name != "categories":
            columns[name] = np.concatenate([_widened(value, width) for value in values])
    columns["categories"], codes = _one_table([part.categories for part in parts])
    for name in ("category", "item_category"):
        values = [_widened(c[getattr(p, name)], width) for c, p in zip(codes, parts, strict=True)]
        columns[name] = np.concatenate(values)
    return Shelves(**columns)


def _one_table(tables: list[tuple[str, ...]]) -> tuple[tuple[str, ...], list[NDArray[np.int32]]]:
    """All names, and for each table what its codes become."""
    names = ("", *sorted({name for table in tables for name in table} - {""}))
    codes = {name: code for code, name in enumerate(names)}
    return names, [np.array([codes[name] for name in table], np.int32) for table in tables]


def _widened(values: NDArray[Any], width: int) -> NDArray[Any]:
    if values.ndim == 1 or values.shape[1] == width:
        return values
    rest = np.nan if values.dtype == np.float64 else 0
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=rest)


def _requests(folder: Path, day: date) -> tuple[Hashes, NDArray[np.int64]]:
    """The request ids of a day's shelves, sorted, and its records that another one of the same id came before."""
    ids, days, records = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    around = [day - _DAY, day, day + _DAY]
    for each in portions(folder, around, ("event", "request_id", "at", "partition", "offset"), 5 * _ROWS_AT_ONCE):
        table = each.filter(pl.col("event") == "shelf").collect()
        ids.append(hash64(table["request_id"]))
        days.append((table["at"].dt.epoch("us").to_numpy() // _DAY_US).astype(np.int32))
        records.append(record_numbers(table))
    every, when, which = np.concatenate(ids), np.concatenate(days), np.concatenate(records)
    return np.unique(every[when == day_of(day)]), which[~first_occurrences(every, when, which)]


def _repeated(folder: Path, since: date, until: date) -> NDArray[np.int64]:
    """The records of shelves that another record of the same request id came before."""
    names = ("event", "request_id", "at", "partition", "offset")
    table = collect(lambda: scan(folder, since - _DAY, until + _DAY, names).filter(pl.col("event") == "shelf"))
    days = (table["at"].dt.epoch("us").to_numpy() // _DAY_US).astype(np.int32)
    records = record_numbers(table)
    return records[~first_occurrences(hash64(table["request_id"]), days, records)]


def _shelves(table: pl.DataFrame, requests: Hashes) -> Shelves:
    """A day's shelves, before anything came of them."""
    items, rows, places = _items(table["items"])
    shape = (len(table), int(places.max(initial=0)) + 1)  # one place of padding where all shelves are empty

    def spread(values: Any, fill: float = 0) -> NDArray[Any]:
        values = np.asarray(values)
        matrix = np.full(shape, fill, values.dtype)
        matrix[rows, places] = values
        return matrix

    at = table["at"].dt.epoch("us").to_numpy()
    of_listing = (table["query_kind"] == "listing").fill_null(value=False).to_numpy()
    categories = _names(pl.concat((items["category"], table["category"])))
    return make_shelves(
        spread(hash64(items["listing_id"])),
        at=at,
        user=_users(table, requests),
        request=requests,
        query=np.where(of_listing, hash64(table["query"]), 0),
        drawn=_codes(table["drawn"], DRAWN, UNKNOWN_DRAW),
        category=_codes(table["category"], categories),
        categories=categories,
        position=spread(items["position"].clip(0, _MAX_POSITION).cast(pl.Int16)),
        propensity=spread(items["propensity"], np.nan),
        score=spread(items["score"], np.nan),
        team=spread(_codes(items["team"], TEAMS)),
        item_category=spread(_codes(items["category"], categories)),
        seller=spread(hash64(items["seller_id"])),
        status=spread(_codes(items["status"], STATUSES)),
        listed_at=spread(items["listed_at"].fill_null(0)),
        **{name: _coded(table[name]) for name in _WORDS},
    )


def _users(table: pl.DataFrame, requests: Hashes) -> Hashes:
    """Who each shelf is of: the user; not known, the session; not known either, the shelf stands for itself."""
    user, session = hash64(table["user"]), hash64(table["session"])
    # Mixed, so that a session or a request of the same letters as a user's id is not taken for that user.
    return np.where(user != 0, user, np.where(session != 0, mix(~session), mix(requests)))


def _items(lists: pl.Series) -> tuple[pl.DataFrame, NDArray[np.intp], NDArray[np.intp]]:
    """All items, and the shelf and the place of each; places are in the order of positions."""
    counts = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    items = lists.filter(counts > 0).explode().struct.unnest()
    rows = np.repeat(np.arange(len(lists)), counts)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    positions = items["position"].to_numpy()
    if np.any((np.diff(positions) <= 0) & (np.diff(rows) == 0)):
        order = np.lexsort((positions, rows))
        items = items[order]
    return items, rows, places


def _coded(words: pl.Series) -> Categorical:
    names = _names(words)
    return Categorical(_codes(words, names), names)


def _names(words: pl.Series) -> tuple[str, ...]:
    return ("", *sorted({*words.drop_nulls().unique()} - {""}))


def _codes(words: pl.Series, names: tuple[str, ...], unknown: str = "") -> NDArray[np.int32]:
    """Codes into `names`, whose first is what a word is that is not given; one that is not in `names` is `unknown`."""
    given = words.cast(pl.String).fill_null(names[0])
    known = given.cast(pl.Enum(names), strict=False)
    if known.null_count():
        count_unknown(words.name, given.filter(known.is_null()))
        known = known.fill_null(unknown)
    return known.to_physical().cast(pl.Int32).to_numpy()
