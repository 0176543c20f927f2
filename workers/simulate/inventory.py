"""What is on sale: one of each thing, listed at a time, gone at a time, and how a model sees it."""

from dataclasses import dataclass

import numpy as np

from workers.simulate.disturbances import Calendar
from workers.simulate.draws import Flags, Floats, Ints, Vectors, chance, select
from workers.simulate.pictures import DIMENSIONS, Pictures, unit

DAY = 86_400_000_000
"""Microseconds."""
NEVER = np.iinfo(np.int64).max
LIFE = 40.0
"""Days after which a listing is withdrawn, on average, where nobody buys it."""
SCALE = 127
"""Vectors are whole numbers up to this: products are exact, so a ranking is the same however it is computed."""
SQUARE = SCALE**2
"""The product of a vector with itself."""

# How alike things are: by their looks, by what they are, and by what no picture shows. Squares add up to 1.
_LOOKS, _KIND, _OWN = np.sqrt(0.3), np.sqrt(0.4), np.sqrt(0.3)
_NEW_SHARE, _NEW_WITHIN = 0.2, 5  # of the categories; of their first stock, days until it has come in


@dataclass(frozen=True)
class Kinds:
    """The categories: how many visits each gets, which come in later, and what they have in common (C, DIMENSIONS)."""

    names: tuple[str, ...]
    weight: Floats
    new: Flags
    hard: Flags
    centre: Floats


def kinds(pictures: Pictures, seed: int) -> Kinds:
    """The categories of `pictures`, a fifth of them new (they are there from the start where none are to come)."""
    draw, count = chance(seed, "categories"), len(pictures.categories)
    order = draw.permutation(count)
    new, hard = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    new[order[: max(1, round(_NEW_SHARE * count))]] = True
    hard[order[-max(1, count // 3) :]] = True
    return Kinds(
        pictures.categories, draw.lognormal(0, 0.7, count), new, hard, unit(draw.normal(size=(count, DIMENSIONS)))
    )


@dataclass(frozen=True)
class Block:
    """Listings that come in together, as parallel arrays."""

    picture: Ints
    category: Ints
    listed_at: Ints
    gone_at: Ints
    appeal: Floats
    seller: Ints
    price: Ints
    truth: Floats
    live: Floats
    anchor: Floats


class Stock:
    """All listings so far, numbered as they were listed; what is sold leaves at the moment of its sale."""

    def __init__(self, pictures: Pictures, categories: Kinds, calendar: Calendar, seed: int, size: int) -> None:
        self._pictures, self._kinds, self._seed, self._size = pictures, categories, seed, size
        self._new = calendar.held.get("new-categories")
        self._blocks: list[Block] = []
        self.all: Block = _empty()
        self.sold: Flags = np.zeros(0, np.bool_)

    def start(self, midnight: int) -> None:
        """The first stock: listed over the weeks before `midnight`."""
        ages = chance(self._seed, "ages").exponential(LIFE * DAY, self._size)
        self._add("first", -1, midnight - np.sort(ages.astype(np.int64))[::-1], midnight, self._old_weight())

    def arrive(self, day: int, midnight: int) -> None:
        """What comes in on `day`, in the order of its times: as much as leaves, and the new categories' own stock."""
        draw = chance(self._seed, "arrivals", day)
        count = int(draw.poisson(self._size / LIFE))
        at = midnight + np.sort(draw.integers(0, DAY, count))
        begun = self._new is not None and day >= self._new.first
        self._add("arrivals", day, at, at, self._kinds.weight if begun or not self._new else self._old_weight())
        if self._new is not None and self._new.first - 1 <= day < self._new.first - 1 + _NEW_WITHIN:
            share = self._kinds.weight[self._kinds.new].sum() / self._kinds.weight.sum()
            many = round(self._size * share / _NEW_WITHIN)
            burst = midnight + np.sort(draw.integers(0, DAY, many))
            self._add("new arrivals", day, burst, burst, self._kinds.weight * self._kinds.new)

    def open(self, at: int, known: int) -> Ints:
        """The numbers of what is on sale at `at`, as far as a shop knows that heard of no leaving since `known`."""
        return np.flatnonzero((self.all.listed_at <= at) & (self.all.gone_at > known))

    def moves(self, since: int, begin: int, end: int) -> tuple[Ints, Ints]:
        """Which listings came in from `since` to `end`, and which left from `begin` to `end`; each by its time."""
        listed, gone = self.all.listed_at, self.all.gone_at
        came = np.flatnonzero((listed >= since) & (listed < end))
        left = np.flatnonzero((gone >= begin) & (gone < end))
        return came[np.argsort(listed[came], kind="stable")], left[np.argsort(gone[left], kind="stable")]

    def sell(self, listing: Ints, at: Ints) -> Flags:
        """Which of these sales, earliest first, find their listing still there; it leaves with them."""
        first = np.zeros(len(listing), np.bool_)
        first[np.unique(listing, return_index=True)[1]] = True
        done = first & (self.all.gone_at[listing] > at)
        self.all.gone_at[listing[done]] = at[done]
        self.sold[listing[done]] = True
        return done

    def _old_weight(self) -> Floats:
        return np.where(self._kinds.new & (self._new is not None), 0.0, self._kinds.weight)

    def _add(self, purpose: str, day: int, listed_at: Ints, alive_at: int | Ints, weight: Floats) -> None:
        draw, count = chance(self._seed, purpose, day), len(listed_at)
        category = select(np.cumsum(weight), draw.random(count))
        by_category = np.argsort(self._pictures.category, kind="stable")
        starts = np.searchsorted(self._pictures.category[by_category], np.arange(len(self._kinds.names) + 1))
        within = draw.random(count) * (starts[category + 1] - starts[category])
        picture = by_category[starts[category] + within.astype(np.int64)]
        own, live, anchor = unit(draw.normal(size=(3, count, DIMENSIONS)))
        truth = _LOOKS * self._pictures.looks[picture] + _KIND * self._kinds.centre[category] + _OWN * own
        self._extend(
            Block(
                picture=picture,
                category=category,
                listed_at=listed_at,
                gone_at=alive_at + 1 + draw.exponential(LIFE * DAY, count).astype(np.int64),
                appeal=draw.lognormal(0, 1, count),
                seller=(draw.pareto(1.2, count) * 40).astype(np.int64) % 2_000,
                price=np.round(300 * 100 ** draw.random(count), -2).astype(np.int64),
                truth=unit(truth),
                live=live,
                anchor=anchor,
            )
        )

    def _extend(self, block: Block) -> None:
        joined = {name: np.concatenate([getattr(self.all, name), each]) for name, each in vars(block).items()}
        self.all = Block(**joined)
        self.sold = np.concatenate([self.sold, np.zeros(len(block.picture), np.bool_)])


def whole(rows: Floats) -> Vectors:
    """Unit rows as whole numbers up to SCALE, in float32: sums of their products stay below 2^24, so are exact."""
    return np.rint(unit(rows) * SCALE).astype(np.float32)


def _empty() -> Block:
    none, nothing, rows = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, DIMENSIONS))
    return Block(none, none, none, none, nothing, none, none, rows, rows, rows)
