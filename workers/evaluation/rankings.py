"""What is measured: items in an order, with their grades. Two protocols, each a type of its own, never mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.shelves import PURCHASE, Flags, Floats, Hashes, Shelves, any_in_row

Grades = NDArray[np.int8]


@dataclass(frozen=True)
class ShelfRanking:
    """Shelf re-ranking, the paper's protocol: the items that were shown, in the order shown or in another.

    Every item was before the user, so what nobody acted on is known not to be wanted then.
    """

    grades: Grades
    """(n, width), in the order ranked."""
    best: Grades
    """(n, width), in the best order."""
    places: NDArray[np.intp]
    """(n, width): the place where the item stood that is ranked here."""
    items: NDArray[np.intp]
    """(n,): how many were shown."""
    clicked: Flags
    """(n,)"""
    bought: Flags
    """(n,)"""


@dataclass(frozen=True)
class IndexRanking:
    """Full index, a diagnostic: what a model lists of all listings, judged by what people did with those shown.

    It favours the model that chose what was shown: what another one finds was never before the user, and counts as not
    wanted. So `judged_at` stands beside each figure, and no figure of it is compared with one of a `ShelfRanking`.
    """

    grades: Grades
    """(n, depth), in the order listed; 0 where not judged."""
    best: Grades
    """(n, width): all that was judged, in the best order."""
    judged: Flags
    """(n, depth): it was shown."""


Ranking = ShelfRanking | IndexRanking


def as_shown(shelves: Shelves) -> ShelfRanking:
    """The order shown."""
    places = np.broadcast_to(np.arange(shelves.width), shelves.listing.shape)
    clicked, bought = any_in_row(shelves.clicked), any_in_row(shelves.grade == PURCHASE)
    return ShelfRanking(shelves.grade, _best(shelves), places, shelves.shown.sum(axis=1), clicked, bought)


def reranked(shelves: Shelves, scores: Floats) -> ShelfRanking:
    """Highest score first, of equals what stood first; an item without a score (nan) comes after those with one.

    >>> from workers.evaluation.shelves import make_shelves
    >>> reranked(make_shelves([[7, 8, 9]], grade=[[0, 1, 2]]), np.array([[0.5, 0.5, 0.9]])).grades.tolist()
    [[2, 0, 1]]
    """
    if scores.shape != shelves.listing.shape:
        raise ValueError(f"scores {scores.shape} of shelves {shelves.listing.shape}: one for each place")
    keys = np.where(shelves.shown, -np.nan_to_num(scores, nan=-np.finfo(np.float64).max), np.inf)
    places = np.argsort(keys, axis=1, kind="stable")
    grades = np.take_along_axis(shelves.grade, places, axis=1)
    shown = as_shown(shelves)
    return ShelfRanking(grades, shown.best, places, shown.items, shown.clicked, shown.bought)


def full_index(shelves: Shelves, lists: Hashes) -> IndexRanking:
    """What a model lists for each shelf's query: `lists` (n, depth) of listings' hashes, 0 behind the end of a list."""
    if len(lists) != len(shelves):
        raise ValueError(f"{len(lists)} lists for {len(shelves)} shelves: one for each")
    grades = np.zeros(lists.shape, np.int8)
    judged = np.zeros(lists.shape, np.bool_)
    for place in range(shelves.width):
        here = (lists == shelves.listing[:, [place]]) & (lists != 0)
        judged |= here
        grades = np.where(here, shelves.grade[:, [place]], grades)
    return IndexRanking(grades, _best(shelves), judged)


def judged_at(ranking: IndexRanking, cutoff: int) -> Floats:
    """Of each list, the share of the first `cutoff` places that hold a judged listing: (n,).

    >>> from workers.evaluation.shelves import make_shelves
    >>> judged_at(full_index(make_shelves([[7, 8]]), np.array([[8, 5, 7]], np.uint64)), 2).tolist()
    [0.5]
    """
    return np.asarray(ranking.judged[:, :cutoff].sum(axis=1) / cutoff, np.float64)


def _best(shelves: Shelves) -> Grades:
    return np.ascontiguousarray(np.sort(shelves.grade, axis=1)[:, ::-1])
