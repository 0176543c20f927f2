"""Figures to be told: each with its interval and what it rests on, or the words that it can't be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from workers.evaluate.cells import ALL, Slice
from workers.evaluate.choice import USUAL, Choice
from workers.evaluate.intervals import effective_users, interval
from workers.evaluate.replicated import Layout, Replicated, curves, lacking, replicated
from workers.evaluate.shelves import Floats, Shelves
from workers.evaluate.stats import stats
from workers.evaluate.sums import DayStats
from workers.evaluate.told import Figure, Floor, NotEnough, Told


@dataclass(frozen=True)
class Figures:
    """All figures, by slice (`("all", "")`, `("surface", "app")`, …) and name (`nDCG@5`, `DCG@5 IPS`, …)."""

    by_slice: Mapping[Slice, Mapping[str, Told]]
    looked: Mapping[Layout, tuple[Told, ...]]
    """By surface and layout: how much each place is looked at, the first one being 1."""
    listings: int
    """How many distinct listings were shown."""
    listings_share: float | None
    """Of how many might have been, where that was said."""

    def __getitem__(self, name: str) -> Told:
        """A figure of all shelves; KeyError where nothing at all was measured."""
        return self.by_slice[ALL][name]


def evaluate(shelves: Shelves, choice: Choice = USUAL, scores: Floats | None = None) -> Figures:
    """The figures of shelves, as one; `scores` (n, width) put the items of each shelf in another order first."""
    return figures(stats(shelves, choice, scores), choice)


def figures(summed: DayStats, choice: Choice = USUAL, catalogue: int | None = None) -> Figures:
    """The figures of merged sums; `catalogue` is how many listings might have been shown."""
    told = {
        where: {name: as_told(figure, choice.floor) for name, figure in mine.items()}
        for where, mine in replicated(summed, choice).items()
    }
    looked = {}
    for layout, curve in curves(summed, choice.floor).items():
        clicks = np.concatenate((curve.clicks[:1], curve.clicks))
        places = [_place(curve.looked[:, place], int(clicks[place]), choice.floor) for place in range(len(clicks))]
        looked[layout] = tuple(places)
    count = len(summed.listings)
    return Figures(told, looked, count, count / catalogue if catalogue else None)


def compare(one: DayStats, other: DayStats, choice: Choice = USUAL, *, relative: bool = False) -> Mapping[str, Told]:
    """`other` - `one` of each figure of all shelves, or that over `one` where `relative`.

    A user who is in both weighs the same in both, in every replicate: what they have in common cancels.
    """
    first, second = (replicated(each, choice).get(ALL, {}) for each in (one, other))
    return differences(first, second, choice.floor, relative=relative)


def differences(
    first: Mapping[str, Replicated], second: Mapping[str, Replicated], floor: Floor, *, relative: bool = False
) -> Mapping[str, Told]:
    """`second` - `first` of each figure that both have, as `compare`."""
    found = {}
    for name in first.keys() & second.keys():
        mine, theirs = first[name], second[name]
        less = mine if mine.counts[0] <= theirs.counts[0] else theirs
        values = theirs.values - mine.values
        if relative:
            values = np.divide(values, mine.values, out=np.full(values.shape, np.nan), where=mine.values != 0)
        missing = lacking(mine, floor) or lacking(theirs, floor)
        if missing is None and not np.isfinite(values[0]):
            missing = NotEnough(f"shelves where {name} is not 0", 0, 1)
        found[name] = as_told(replace(less, values=values, missing=missing), floor)
    return dict(sorted(found.items()))


def as_told(figure: Replicated, floor: Floor) -> Told:
    """A figure with its interval, or what it lacks."""
    if missing := lacking(figure, floor):
        return missing
    users = effective_users(figure.counts)
    return Figure(
        float(figure.values[0]), interval(figure.values, users), round(float(figure.counts[0])), users,
        figure.effective, figure.outside,
    )  # fmt: skip


def _place(looked: Floats, clicks: int, floor: Floor) -> Told:
    if not np.isfinite(looked[0]):
        return NotEnough("items acted on on randomised shelves, up to this place", clicks, floor.clicks)
    return Figure(float(looked[0]), interval(looked, clicks), clicks, clicks)
