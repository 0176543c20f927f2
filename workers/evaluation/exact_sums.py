"""Sums that do not depend on order: of integers, for each replicate of the bootstrap, so that they merge exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bootstrap import MAX_WEIGHT, weights
from workers.evaluation.hashing import Hashes

SCALE = 1 << 30
"""A value is rounded once, to a multiple of 1 / SCALE; from then on all is integers."""
REPLICATES = 400

_USERS_AT_ONCE = 1 << 16  # rows; 400 replicates of as many users are 26 MB
_ROWS_AT_ONCE = 1 << 12  # as float64 they stay in the cache
_EXACT = 1 << 53
"""Whole numbers below it are exact as float64, so that sums of them are, in any order."""
_MOST = 1 << 20
"""Values of shelves are below it."""

Sums = NDArray[np.int64]
"""Beyond 2^63 their type is `object`, Python's integers: `add_exactly` sees to it, and `as_floats` takes both."""


class Key(NamedTuple):
    """What a row of sums is of."""

    kind: str
    """Which columns it has: `shelf`, `place`, `curve` or `more`."""
    slice: str
    """`all`, or by what it is sliced: category, surface, variant, model, position, age."""
    name: str = ""
    surface: str = ""
    layout: str = ""


@dataclass(frozen=True)
class DayStats:
    """All that is kept of a day, a partition or a month: integers that add up exactly, in any order.

    `sums[key]` is (replicates + 1, columns): row 0 is the estimate itself, where each user weighs 1.
    """

    sums: Mapping[Key, Sums] = field(default_factory=dict)
    listings: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    """The distinct listings shown, as sorted hashes."""

    def __add__(self, other: DayStats) -> DayStats:
        return merge_days((self, other))


def merge_days(parts: Iterable[DayStats]) -> DayStats:
    """The statistics of all parts together; of no parts, those of nothing."""
    sums: dict[Key, Sums] = {}
    listings = [np.zeros(0, np.uint64)]
    for part in parts:
        for key, value in part.sums.items():
            sums[key] = add_exactly(sums[key], value) if key in sums else value
        listings.append(part.listings)
    return DayStats(dict(sorted(sums.items())), distinct(np.concatenate(listings)))


def distinct(hashes: Hashes) -> Hashes:
    """Each once, in order: by sorting, which takes a fiftieth of the time of `np.unique` and its table.

    >>> distinct(np.array([7, 5, 7], np.uint64)).tolist()
    [5, 7]
    """
    ordered = np.sort(hashes)
    found: Hashes = ordered[np.diff(ordered, prepend=ordered[:1] ^ np.uint64(1)) != 0]
    return found


def add_exactly(one: Sums, other: Sums) -> Sums:
    """Their sum, whatever its size: in int64 while that holds it, 8.6 billion items, in Python's integers beyond.

    >>> add_exactly(np.array([2**62]), np.array([2**62])).tolist() == [2**63]
    True
    """
    total = one + other
    if total.dtype == np.int64 and total.min(initial=0) < 0:  # neither part is, and a sum of two wraps once at most
        return one.astype(object) + other
    return total


def as_floats(sums: Sums) -> NDArray[np.float64]:
    """Sums as numbers of shelves, items or gains: each rounded once to the nearest float64."""
    return np.asarray(sums, np.float64) / SCALE


def to_fixed_point(values: NDArray[np.float64]) -> Sums:
    """Values in steps of 1 / SCALE; ValueError for one that is not finite, below 0, or 2^20 or more.

    >>> to_fixed_point(np.array([0.5, 1 / 3])).tolist()
    [536870912, 357913941]
    """
    if not np.all((values >= 0) & (values < _MOST)):
        raise ValueError(f"values of shelves are finite, 0 or more, and below {_MOST:,}")
    return np.rint(values * SCALE).astype(np.int64)


def bootstrap_sums(users: Hashes, cells: NDArray[np.integer], values: Sums, replicates: int) -> dict[int, Sums]:
    """The sums of each cell, (replicates + 1, columns): of `values` (n, columns) of the `users` (n,) in it (n,)."""
    found: dict[int, Sums] = {}
    for low in range(0, len(users), _USERS_AT_ONCE):
        some = slice(low, low + _USERS_AT_ONCE)
        once, who = np.unique(users[some], return_inverse=True)
        drawn, mine = weights(once, replicates), values[some]
        order = np.argsort(cells[some], kind="stable")
        edges = np.flatnonzero(np.diff(cells[some][order])) + 1
        for rows in np.split(order, edges):
            cell = int(cells[low + rows[0]])
            total = found.get(cell, np.zeros((replicates + 1, values.shape[1]), np.int64))
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                part = rows[first : first + _ROWS_AT_ONCE]
                total = add_exactly(total, _product(drawn[who[part]], mine[part]))
            found[cell] = total
    return found


def _product(counts: NDArray[np.int8], values: Sums) -> Sums:
    """counts' x values, exactly: in floating point, which is faster, and in halves where that were not exact."""
    if int(values.max(initial=0)) * MAX_WEIGHT * len(values) < _EXACT or len(values) == 1:
        return (counts.T.astype(np.float64) @ values.astype(np.float64)).astype(np.int64)
    middle = len(values) // 2
    return _product(counts[:middle], values[:middle]) + _product(counts[middle:], values[middle:])
