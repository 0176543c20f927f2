"""Figures to be told: each with its interval and what it rests on, or the words that it can't be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from workers.evaluation.anytime import holm, p_value, sequence_interval
from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Estimate, Figure, MinimumEvidence, NotEnoughEvidence
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.intervals import effective_users, interval, log_interval
from workers.evaluation.replicates import (
    NO_RELEVANT,
    Layout,
    ReplicatedFigure,
    curves,
    missing_evidence,
    replicate_figures,
)
from workers.evaluation.shelves import Floats, Shelves
from workers.evaluation.slices import ALL, Slice

DIFFERING = ("nDCG@5", "DCG@5", NO_RELEVANT)
"""The figures by which slices are compared with all shelves: not the corrected one, which is of a layout."""


@dataclass(frozen=True)
class Figures:
    """All figures, by slice (`("all", "")`, `("surface", "app")`, …) and name (`nDCG@5`, `DCG@5 IPS`, …)."""

    by_slice: Mapping[Slice, Mapping[str, Estimate]]
    differs: Mapping[Slice, Mapping[str, float]]
    """By slice and figure: how likely a slice differs so much from all shelves by chance, at any look and in any slice
    of the report; only of DIFFERING."""
    looked: Mapping[Layout, tuple[Estimate, ...]]
    """By surface and layout: how much each place is looked at, the first one being 1."""
    listings: int
    """How many distinct listings were shown."""
    listings_share: float | None
    """Of how many might have been, where that was said."""

    def __getitem__(self, name: str) -> Estimate:
        """A figure of all shelves; KeyError where nothing at all was measured."""
        return self.by_slice[ALL][name]


def evaluate(shelves: Shelves, choice: EvaluationConfig = USUAL, scores: Floats | None = None) -> Figures:
    """The figures of shelves, as one; `scores` (n, width) put the items of each shelf in another order first."""
    return figures(stats(shelves, choice, scores), choice)


def figures(
    summed: DayStats,
    choice: EvaluationConfig = USUAL,
    catalogue: int | None = None,
    *,
    learnt: DayStats | None = None,
) -> Figures:
    """The figures of merged sums; `catalogue` is how many listings might have been shown.

    How much places are looked at is learnt from the randomised shelves of `learnt`, which is usually more days than
    the figures are of, or from `summed` itself. Users weigh the same in both, in every replicate.
    """
    replicated = replicate_figures(summed, choice, learnt)
    told = {
        where: {name: to_estimate(figure, choice.minimum_evidence) for name, figure in mine.items()}
        for where, mine in replicated.items()
    }
    looked = {}
    for layout, curve in curves(learnt or summed, choice.minimum_evidence).items():
        clicks = np.concatenate((curve.clicks[:1], curve.clicks))
        places = [
            _place(curve.looked[:, place], int(clicks[place]), curve.users, choice.minimum_evidence)
            for place in range(len(clicks))
        ]
        looked[layout] = tuple(places)
    count = len(summed.listings)
    differs = differing(replicated, choice.minimum_evidence)
    return Figures(told, differs, looked, count, count / catalogue if catalogue else None)


def differing(
    replicated: Mapping[Slice, Mapping[str, ReplicatedFigure]], floor: MinimumEvidence
) -> Mapping[Slice, Mapping[str, float]]:
    """Of each slice and figure of DIFFERING, how likely it differs from that of all shelves by chance.

    Users are paired; p-values hold at every look, and are corrected over all slices of a figure (Holm), whatever these
    have in common. Positions and ages are of items, and left out; so is a kind with one slice, which is all shelves.
    """
    found: dict[Slice, dict[str, float]] = {}
    kinds = Counter(by for by, _ in replicated)
    for name in DIFFERING:
        total = replicated.get(ALL, {}).get(name)
        mine = {
            where: figures[name]
            for where, figures in replicated.items()
            if where[0] not in ("all", "position", "age") and kinds[where[0]] > 1 and name in figures
        }
        told = [where for where, figure in mine.items() if missing_evidence(figure, floor) is None]
        if total is None or missing_evidence(total, floor):
            continue
        likely = [p_value(mine[each].values - total.values, effective_users(mine[each].counts)) for each in told]
        for where, corrected in zip(told, holm(likely), strict=True):
            found.setdefault(where, {})[name] = corrected
    return found


def compare(
    one: DayStats,
    other: DayStats,
    choice: EvaluationConfig = USUAL,
    *,
    relative: bool = False,
    learnt: DayStats | None = None,
) -> Mapping[str, Estimate]:
    """`other` - `one` of each figure of all shelves, or that over `one` where `relative`; `learnt` as in `figures`.

    A user who is in both weighs the same in both, in every replicate: what they have in common cancels.
    """
    first, second = (replicate_figures(each, choice, learnt).get(ALL, {}) for each in (one, other))
    return differences(first, second, choice.minimum_evidence, relative=relative)


def differences(
    first: Mapping[str, ReplicatedFigure],
    second: Mapping[str, ReplicatedFigure],
    floor: MinimumEvidence,
    *,
    relative: bool = False,
) -> Mapping[str, Estimate]:
    """`second` - `first` of each figure that both have, as `compare`."""
    found = {}
    for name in first.keys() & second.keys():
        mine, theirs = first[name], second[name]
        less = mine if mine.counts[0] <= theirs.counts[0] else theirs
        values = theirs.values - mine.values
        if relative:
            values = np.divide(values, mine.values, out=np.full(values.shape, np.nan), where=mine.values != 0)
        missing = missing_evidence(mine, floor) or missing_evidence(theirs, floor)
        if missing is None and not np.isfinite(values[0]):
            missing = NotEnoughEvidence(f"shelves where {name} is not 0", 0, 1)
        estimate = to_estimate(replace(less, values=values, missing=missing, randomised=None), floor)
        if isinstance(estimate, Figure):
            estimate = replace(estimate, anytime=sequence_interval(values, estimate.users))
        found[name] = estimate
    return dict(sorted(found.items()))


def to_estimate(figure: ReplicatedFigure, floor: MinimumEvidence) -> Estimate:
    """A figure with its interval, or what it lacks."""
    if missing := missing_evidence(figure, floor):
        return missing
    users = effective_users(figure.counts)
    if figure.randomised is None:
        found = interval(figure.values, users)
    else:
        found = log_interval(figure.values, min(users, figure.randomised or users))
    return Figure(
        float(figure.values[0]),
        found,
        round(float(figure.counts[0])),
        users,
        figure.effective,
        figure.outside,
    )


def _place(looked: Floats, clicks: int, users: float, floor: MinimumEvidence) -> Estimate:
    if not np.isfinite(looked[0]):
        return NotEnoughEvidence("items acted on on randomised shelves, up to this place", clicks, floor.clicks)
    return Figure(float(looked[0]), log_interval(looked, min(clicks, users)), clicks, users)
