"""How the shop ranks: a model sees each listing with an error of its own, and that error is the model's quality."""

from dataclasses import dataclass

import numpy as np

from workers.simulate.disturbances import Calendar
from workers.simulate.draws import Flags, Floats, Ints, Vectors
from workers.simulate.inventory import Block, Kinds, whole

ROWS = 512
"""Queries ranked at once: what bounds the memory; it changes no result."""
_LANES = 64


@dataclass(frozen=True)
class Model:
    """A model: its id, and the length of its error beside a vector of length 1, by category and as time goes by."""

    name: str
    error: float
    in_new: float
    decays: bool

    def errors(self, categories: Kinds, calendar: Calendar, day: int) -> Floats:
        """The error for each category on `day` (C,)."""
        here = np.where(categories.new & ("new-categories" in calendar.held), self.in_new, self.error)
        return here + (calendar.amount("decay", day) if self.decays else 0.0)

    def sees(self, listings: Block, errors: Floats) -> Vectors:
        """The vectors that it gives to all listings."""
        direction = listings.live if self.decays else listings.anchor
        return whole(listings.truth + errors[listings.category][:, None] * direction)


def best(queries: Vectors, items: Vectors, own: Ints, count: int) -> tuple[Ints, Vectors]:
    """The `count` (at most 64) items nearest to each query and their scores, best first, ties in the items' order.

    `own` (n,): the place of the query itself among the items, which is left out.
    """
    found = np.empty((len(queries), count), np.int64)
    scores = np.empty((len(queries), count), np.float32)
    padded = np.pad(items, ((0, -len(items) % _LANES), (0, 0)))
    for start in range(0, len(queries), ROWS):
        rows = slice(start, start + ROWS)
        products = queries[rows] @ padded.T
        products[:, len(items) :] = -np.inf
        products[np.arange(len(products)), own[rows]] = -np.inf
        # At least `count` items reach the `count`-th of the lanes' maxima, hardly more do: quicker than a partition.
        lanes = products.reshape(len(products), -1, _LANES).max(axis=1)
        floor = np.partition(lanes, -count, axis=1)[:, -count]
        row, place = np.divmod(np.flatnonzero(products >= floor[:, None]), products.shape[1])
        score = products[row, place]
        order = np.lexsort((place, -score, row))
        top = order[np.searchsorted(row, np.arange(len(products)))[:, None] + np.arange(count)]
        found[rows], scores[rows] = place[top], score[top]
    return found, scores


def merged(live: Ints, anchor: Ints, coins: Flags) -> tuple[Ints, Flags]:
    """Team draft of two rankings (n, width): the shelf, and which of its items are the anchor's.

    Before each pair of places a coin (n, width / 2; heads: the anchor first) says who picks first; each picks its best
    that is not there yet (Radlinski, Kurup, Joachims, CIKM 2008).
    """
    count, width = live.shape
    shelf, team = np.full((count, width), -1, np.int64), np.zeros((count, width), np.bool_)
    rows = np.arange(count)
    for place in range(width):
        anchors = coins[:, place // 2] ^ bool(place % 2)
        wish = np.where(anchors[:, None], anchor, live)
        taken = (wish[:, :, None] == shelf[:, None, :place]).any(axis=2)
        shelf[:, place] = wish[rows, np.argmin(taken, axis=1)]
        team[:, place] = anchors
    return shelf, team
