"""What is added up of each shelf: one row of numbers for each, by kind, with the names of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.measures import Measure, discounts
from workers.evaluation.rankings import ShelfRanking
from workers.evaluation.shelves import DRAWN, NONE, STATUSES, Flags, Floats, Shelves

PLACES = 10
"""So many first places have an examination of their own; what is acted on behind them is outside the support."""
CORRECTED = Measure("DCG", 5)
"""What is corrected for position."""
AGES = ("under 1 day", "1 to 7 days", "7 to 30 days", "30 to 90 days", "over 90 days")
_AGE_EDGES = np.array([1, 7, 30, 90]) * 86_400_000_000
_ON_SALE = STATUSES.index("on_sale")
_SWAP, _SHUFFLE = DRAWN.index("swap"), DRAWN.index("shuffle")
_MOVED = 0.5
"""In adjacent swaps, where an item stands with less than this probability it was moved there."""

RANDOM_ORDER = " random order"
MORE = ("items", "sold", "with_status", "mismatched", "with_category", "new", "with_age", "sellers", "with_sellers")


def shelf_names(measures: Sequence[Measure]) -> tuple[str, ...]:
    """Names of the columns of `shelf_values`."""
    gains, acts = ([f"{what}{place}" for place in range(1, PLACES + 2)] for what in ("gain", "acted"))
    return ("visible", "relevant", *map(str, measures), *map(random_order, _with_baseline(measures)), *gains, *acts)


def random_order(measure: Measure) -> str:
    """The name of what a measure is worth if items stand in a random order."""
    return f"{measure}{RANDOM_ORDER}"


def _with_baseline(measures: Sequence[Measure]) -> list[Measure]:
    return [measure for measure in measures if measure.name == "nDCG"]


def shelf_values(shelves: Shelves, ranking: ShelfRanking, measures: Sequence[Measure]) -> Floats:
    """Of visible shelves: the measures (0 where a shelf has none), those of nDCG of a random order too, and what the
    correction for position needs.

    `gain` k is the discounted gain of the item that stood at place k, where it is ranked now; `acted` k whether it was
    acted on. The last of each is of all places behind PLACES.
    """
    values = [np.nan_to_num(measure.of(ranking)) for measure in measures]
    values += [np.nan_to_num(measure.at_random(ranking)) for measure in _with_baseline(measures)]
    gains = np.zeros((len(shelves), PLACES + 1))
    acts = np.zeros_like(gains)
    rows, ranks = np.nonzero(ranking.grades)
    stood = shelves.position[rows, ranking.places[rows, ranks]].astype(np.intp) - 1
    stood = np.minimum(stood, PLACES)
    np.add.at(acts, (rows, stood), 1)
    first = ranks < CORRECTED.cutoff
    rows, ranks, stood = rows[first], ranks[first], stood[first]
    gained = CORRECTED.gains(ranking.grades[rows, ranks]) * discounts(CORRECTED.cutoff)[ranks]
    np.add.at(gains, (rows, stood), gained)
    relevant = ranking.best[:, :1].any(axis=1)
    every = np.column_stack((np.ones(len(shelves)), relevant, *values, gains, acts))
    return np.asarray(every, np.float64)


def place_names() -> tuple[str, ...]:
    """Names of the columns of `place_values`."""
    places = [str(place) for place in range(1, PLACES + 1)]
    return tuple(f"{what} {which}" for which in (*places, *AGES) for what in ("seen", "clicked"))


def place_values(shelves: Shelves) -> Floats:
    """Items seen, and of them clicked, by place and by the listing's age when it was shown."""
    seen, clicked = shelves.seen.astype(np.float64), (shelves.clicked & shelves.seen).astype(np.float64)
    columns = []
    for place in range(1, PLACES + 1):
        here = shelves.position == place
        columns += [(seen * here).sum(axis=1), (clicked * here).sum(axis=1)]
    age = np.searchsorted(_AGE_EDGES, shelves.at[:, None] - shelves.listed_at, "right")
    for bucket in range(len(AGES)):
        here = (age == bucket) & (shelves.listed_at > 0)
        columns += [(seen * here).sum(axis=1), (clicked * here).sum(axis=1)]
    return np.column_stack(columns)


def more_values(shelves: Shelves, new_us: int, level: int) -> Floats:
    """Of the items shown: sold ones, of another category than the query's, new ones; distinct sellers. See MORE.

    `new_us`: a listing is new for so many microseconds; `level`: so many parts of a category's path are compared.
    """
    shown = shelves.shown
    top, _ = levels(shelves.categories, level)
    mine, theirs = top[shelves.category][:, None], top[shelves.item_category]
    told = shown & (shelves.status != 0)
    both = shown & (mine > 0) & (theirs > 0)
    dated = shown & (shelves.listed_at > 0)
    young = dated & (shelves.at[:, None] - shelves.listed_at < new_us)
    sold_by = np.sort(np.where(shown, shelves.seller, 0), axis=1)
    sellers = ((np.diff(sold_by, axis=1, prepend=np.uint64(0)) != 0) & (sold_by != 0)).sum(axis=1)
    counts = (shown, told & (shelves.status != _ON_SALE), told, both & (mine != theirs), both, young, dated)
    return np.column_stack((*(count.sum(axis=1) for count in counts), sellers, sellers > 0)).astype(np.float64)


def curve_names() -> tuple[str, ...]:
    """Names of the columns of `curve_values`: of each pair of places (k, k + 1), what is compared; how many shelves."""
    pairs = range(1, PLACES)
    return (*(f"{what}{place}" for what in ("left", "right", "left_n", "right_n") for place in pairs), "shelves")


def curve_values(shelves: Shelves) -> Floats:
    """Of randomised shelves, for each pair of places (k, k + 1): how often items that might stand at either were acted
    on at k (`left`) and at k + 1 (`right`), each over the probability that it stood there; and how many (`_n`).

    Over the draws both are sums over the same items, so that right / left estimates how much less k + 1 is looked at
    (Agarwal, Zaitsev, Wang, Li, Najork, Joachims, 2019). A `swap` is of pairs that start at the first or the second
    place by a coin, each turned by a coin: an item that stands where it does with less than 1/2 has been moved, and an
    item that came from k - 1 can't stand at k + 1.
    """
    acted, drawn = np.zeros((2, len(shelves), PLACES))
    chance = np.ones((len(shelves), PLACES))
    rows, places = np.nonzero((shelves.position > 0) & (shelves.position <= PLACES))
    at = shelves.position[rows, places].astype(np.intp) - 1
    acted[rows, at] = shelves.grade[rows, places] > NONE
    chance[rows, at] = np.nan_to_num(shelves.propensity[rows, places], nan=1.0)
    drawn[rows, at] = (chance[rows, at] < 1) & np.isin(shelves.drawn[rows], (_SWAP, _SHUFFLE))
    both = (drawn[:, :-1] * drawn[:, 1:]).astype(np.bool_)
    from_left, from_right = _moved((chance < _MOVED) & (shelves.drawn == _SWAP)[:, None])
    left_n = acted[:, :-1] * (both & ~from_left[:, :-1])
    right_n = acted[:, 1:] * (both & ~from_right[:, 1:])
    once = np.ones((len(shelves), 1))
    return np.concatenate((left_n / chance[:, :-1], right_n / chance[:, 1:], left_n, right_n, once), axis=1)


def _moved(moved: Flags) -> tuple[Flags, Flags]:
    """Which items came from the place before, and which from the one after: moved ones stand in pairs.

    >>> before, after = _moved(np.array([[False, True, True, True, True]]))
    >>> before.tolist(), after.tolist()
    ([[False, False, True, False, True]], [[False, True, False, True, False]])
    """
    before = np.zeros_like(moved)
    for place in range(1, moved.shape[1]):
        before[:, place] = moved[:, place] & moved[:, place - 1] & ~before[:, place - 1]
    return before, moved & ~before


def levels(categories: Sequence[str], level: int) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The first parts of category paths: for each category the code of its own, and their names.

    >>> levels(("", "fashion/bags", "fashion/shoes", "toys"), 1)
    (array([0, 1, 1, 2], dtype=int32), ('', 'fashion', 'toys'))
    """
    tops = ["/".join(path.split("/")[:level]) for path in categories]
    names = ("", *sorted(set(tops) - {""}))
    codes: dict[str, Any] = {name: code for code, name in enumerate(names)}
    return np.array([codes[top] for top in tops], np.int32), names
