"""Shelves in memory: what was shown to whom, and what came of each item, as numpy matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.interaction import Drawn, Team
from schemas.listing import Status

Ints = NDArray[np.int32]
Hashes = NDArray[np.uint64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.bool_] | NDArray[np.integer[Any]] | slice

NONE, CLICK, LIKE, PURCHASE = 0, 1, 2, 3
"""The grades: what came of an item, the most that did. A cancelled purchase is none."""

STATUSES: tuple[str, ...] = ("", *get_args(Status))
UNKNOWN_DRAW = "unknown"
"""A way of drawing that the schema lacks: neither the live model's own order nor one whose propensities are known."""
DRAWN: tuple[str, ...] = (*get_args(Drawn), UNKNOWN_DRAW)
TEAMS: tuple[str, ...] = ("", *get_args(Team))
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Windows:
    """How long after its shelf an action still counts; a cancel is counted from its purchase."""

    seen: timedelta = timedelta(minutes=30)
    click: timedelta = timedelta(minutes=30)
    like: timedelta = timedelta(hours=24)
    purchase: timedelta = timedelta(days=7)
    cancel: timedelta = timedelta(days=14)
    skew: timedelta = timedelta(minutes=5)
    """A device's clock may be so far behind the one that dated the shelf: its actions count as at the shelf's time."""

    @property
    def longest(self) -> timedelta:
        """From a shelf until nothing can change any more what came of it."""
        return max(self.seen, self.click, self.like, self.purchase + self.cancel)

    def matures(self, day: int) -> datetime:
        """When the last window of the shelves of `day` (days since 1970, UTC) has closed."""
        return datetime.fromtimestamp((day + 1) * 86_400, UTC) + self.longest

    def is_mature(self, day: int, now: datetime) -> bool:
        """Whether nothing can change the figures of `day` any more, but late records and erasure."""
        return now >= self.matures(day)


USUAL = Windows()
"""Half an hour to click, a day to like, a week to buy, two weeks to send it back."""


@dataclass(frozen=True)
class Categorical:
    """Words as numbers: `codes` into `names`, which are sorted, so that they do not depend on the order of records.

    `names[0]` is always the empty word: not known.

    >>> Categorical.of(["web", "app", "web", ""])
    Categorical(codes=array([2, 1, 2, 0], dtype=int32), names=('', 'app', 'web'))
    """

    codes: Ints
    names: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """The words of a column."""
        names = ("", *sorted(set(words) - {""}))
        places = {name: code for code, name in enumerate(names)}
        return cls(np.fromiter((places[word] for word in words), np.int32, len(words)), names)

    def at(self, rows: Rows) -> Categorical:
        """Of some rows, the names as they are."""
        return Categorical(self.codes[rows], self.names)

    def words(self) -> list[str]:
        """As words again."""
        return [self.names[code] for code in self.codes]


@dataclass(frozen=True)
class Shelves:
    """n shelves in `width` places; what lies behind the end of a shelf is padding (`listing` 0, everything else 0).

    Places are in the order shown: column 0 is what stood first. A listing, seller or user is known by a 64-bit hash of
    its id (`hashing.hash64`), 0 where it is not known.
    """

    # Of each shelf: (n,)
    at: NDArray[np.int64]
    """Microseconds since 1970."""
    day: Ints
    """Days since 1970, UTC."""
    user: Hashes
    """Never 0: where the user is not known it is the session, and where that is not known either the shelf itself."""
    request: Hashes
    """Of its request id; 0 where it is not known."""
    query: Hashes
    """The listing under which it stands; 0 where it stands under none: a picture, words."""
    visible: Flags
    """Somebody had it before them, as far as is known whatever was done with it (`seen_reporting`)."""
    drawn: NDArray[np.int8]
    """Code into DRAWN: how the order was drawn."""
    category: Ints
    """The query's own, a code into `categories`."""
    surface: Categorical
    layout: Categorical
    model: Categorical
    anchor: Categorical
    policy: Categorical
    variant: Categorical
    app_version: Categorical
    # Of each place: (n, width)
    listing: Hashes
    position: NDArray[np.int16]
    """As it was recorded: 1 is the first place."""
    grade: NDArray[np.int8]
    clicked: Flags
    """There was a click: `grade` may be a like or a purchase with or without one."""
    seen: Flags
    propensity: Floats
    """How likely this item was to stand here; nan where the order was not drawn. Not: that the place is looked at."""
    score: Floats
    """The model's; nan where it was not recorded."""
    team: NDArray[np.int8]
    """Code into TEAMS."""
    item_category: Ints
    """Code into `categories`."""
    seller: Hashes
    status: NDArray[np.int8]
    """Code into STATUSES."""
    listed_at: NDArray[np.int64]
    """Microseconds since 1970; 0 is not known."""
    categories: tuple[str, ...] = ("",)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def width(self) -> int:
        """The places of the widest shelf."""
        return int(self.listing.shape[1])

    @property
    def shown(self) -> Flags:
        """Where there is an item."""
        return np.not_equal(self.listing, 0)

    def pick(self, rows: Rows) -> Shelves:
        """Some of the shelves: a mask, or row numbers."""
        columns: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        names = columns.pop("categories")
        picked: dict[str, Any] = {
            name: v.at(rows) if isinstance(v, Categorical) else v[rows] for name, v in columns.items()
        }
        return Shelves(**picked, categories=names)

    def days(self) -> list[int]:
        """The days that there are shelves of, oldest first."""
        return [int(day) for day in np.unique(self.day)]


def any_in_row(flags: Flags) -> Flags:
    """Of each row, whether any of its flags is set."""
    return np.asarray(flags.any(axis=1), np.bool_)


def make_shelves(listing: ArrayLike, **columns: Any) -> Shelves:
    """Shelves of given columns; what is not given is as where nothing is known of it. For simulations and tests.

    `listing` (n, width) gives the shape. Words may be given as lists; each shelf is of a user of its own and visible.

    >>> shelves = make_shelves([[7, 8], [9, 0]], grade=[[0, 1], [0, 0]], surface=["app", "web"])
    >>> len(shelves), shelves.width, shelves.shown.tolist(), shelves.surface.names
    (2, 2, [[True, True], [True, False]], ('', 'app', 'web'))
    """
    listings = np.asarray(listing, np.uint64)
    n, _ = listings.shape
    shown = listings != 0
    given = {name: _column(name, value) for name, value in columns.items()}
    word = Categorical(np.zeros(n, np.int32))
    places = np.where(shown, np.arange(1, listings.shape[1] + 1, dtype=np.int16), 0)
    grade = given.get("grade", np.zeros(listings.shape, np.int8))
    at = given.get("at", np.zeros(n, np.int64))
    defaults: dict[str, Any] = {
        "at": at,
        "day": (at // 86_400_000_000).astype(np.int32),
        "user": np.arange(1, n + 1, dtype=np.uint64),
        "request": np.zeros(n, np.uint64),
        "query": np.zeros(n, np.uint64),
        "visible": any_in_row(shown),
        "drawn": np.zeros(n, np.int8),
        "category": np.zeros(n, np.int32),
        "surface": word,
        "layout": word,
        "model": word,
        "anchor": word,
        "policy": word,
        "variant": word,
        "app_version": word,
        "listing": listings,
        "position": places.astype(np.int16),
        "grade": grade,
        "clicked": grade > NONE,
        "seen": shown,
        "propensity": np.full(listings.shape, np.nan),
        "score": np.full(listings.shape, np.nan),
        "team": np.zeros(listings.shape, np.int8),
        "item_category": np.zeros(listings.shape, np.int32),
        "seller": np.zeros(listings.shape, np.uint64),
        "status": np.zeros(listings.shape, np.int8),
        "listed_at": np.zeros(listings.shape, np.int64),
    }
    return Shelves(**{**defaults, **given})


_TYPES: dict[str, Any] = {
    "at": np.int64,
    "day": np.int32,
    "user": np.uint64,
    "request": np.uint64,
    "query": np.uint64,
    "visible": np.bool_,
    "drawn": np.int8,
    "category": np.int32,
    "position": np.int16,
    "grade": np.int8,
    "clicked": np.bool_,
    "seen": np.bool_,
    "propensity": np.float64,
    "score": np.float64,
    "team": np.int8,
    "item_category": np.int32,
    "seller": np.uint64,
    "status": np.int8,
    "listed_at": np.int64,
}


def _column(name: str, value: Any) -> Any:
    if name in _TYPES:
        return np.asarray(value, _TYPES[name])
    return Categorical.of(value) if isinstance(value, list) else value


def day_of(when: date) -> int:
    """Days since 1970.

    >>> day_of(date(1970, 1, 2))
    1
    """
    return (when - _EPOCH).days


def date_of(day: int) -> date:
    """The date of a day since 1970."""
    return _EPOCH + timedelta(days=day)
