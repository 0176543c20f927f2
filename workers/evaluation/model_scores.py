"""Items scored by the cosine of their vector to that of the shelf's query; models judged on equal ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.shelves import Flags, Floats, Hashes, Shelves, any_in_row


@dataclass(frozen=True)
class Table:
    """One model's vectors (n, d), of length 1, by the hashes (n,) of their listings, which are sorted."""

    hashes: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def has(self, listings: Hashes) -> Flags:
        """Which of these listings have a vector."""
        return np.isin(listings, self.hashes)

    def of(self, listings: Hashes) -> NDArray[np.float32]:
        """The vectors of listings that all have one."""
        return self.vectors[np.searchsorted(self.hashes, listings)]


@dataclass(frozen=True)
class CommonScores:
    """The shelves that all of some models can order, and how much of what there was that is."""

    shelves: Shelves
    scores: Sequence[Floats]
    """Of each model, (n, width); nan, in all of them, where any has no vector of the item."""
    counts: NDArray[np.int64]
    """Shelves, those of them that are here; items that matter on these, those of them that have scores."""


def examined_places(shelves: Shelves) -> Flags:
    """(n, width): the items whose order changes a figure, those of shelves where somebody acted on something."""
    return np.asarray(shelves.shown & any_in_row(shelves.grade > 0)[:, None], np.bool_)


def needed_listings(shelves: Shelves) -> Hashes:
    """The listings whose vectors are needed to order these shelves."""
    return np.unique(np.concatenate((shelves.query, shelves.listing[examined_places(shelves)])))


def common_scores(shelves: Shelves, tables: Sequence[Table]) -> CommonScores:
    """Those shelves whose query all the models have, their items scored where all the models have them.

    So every model orders the same items of the same shelves; what any of them lacks comes last in all of them.

    >>> from workers.evaluation.shelves import make_shelves
    >>> table = Table(np.array([5, 7, 8], np.uint64), np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    >>> found = common_scores(make_shelves([[7, 8, 9], [7, 8, 9]], query=[5, 6], grade=[[0, 1, 0], [1, 0, 0]]), [table])
    >>> found.scores[0].tolist(), found.counts.tolist()
    ([[0.0, 1.0, nan]], [2, 1, 3, 2])
    """
    kept = shelves.pick(np.logical_and.reduce([table.has(shelves.query) for table in tables]))
    matters = examined_places(kept)
    scored = matters & np.logical_and.reduce([table.has(kept.listing) for table in tables])
    scores = [_scores(kept, scored, table) for table in tables]
    counts = np.array([len(shelves), len(kept), matters.sum(), scored.sum()], np.int64)
    return CommonScores(kept, scores, counts)


def _scores(shelves: Shelves, scored: Flags, table: Table) -> Floats:
    found = np.full(shelves.listing.shape, np.nan)
    for place in range(shelves.width):  # one place at a time: the vectors of all of them might not fit
        rows = np.flatnonzero(scored[:, place])
        mine, theirs = table.of(shelves.query[rows]), table.of(shelves.listing[rows, place])
        found[rows, place] = np.einsum("nd,nd->n", mine, theirs, dtype=np.float64)
    return found
