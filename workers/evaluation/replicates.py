"""From sums to figures in every replicate: here, and only here, is anything divided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from workers.evaluation.config import EvaluationConfig
from workers.evaluation.estimates import MinimumEvidence, NotEnoughEvidence
from workers.evaluation.exact_sums import DayStats, Sums, add_exactly, as_floats
from workers.evaluation.intervals import effective_users
from workers.evaluation.measures import Measure
from workers.evaluation.position_bias import CorrectedSums, Curve, Stratum, corrected_sums, examination, unknown_curve
from workers.evaluation.shelf_statistics import AGES, CORRECTED, MORE, PLACES, place_names, random_order, shelf_names
from workers.evaluation.shelves import Floats
from workers.evaluation.slices import ALL, Slice

IPS, SNIPS, CLIPPED = (f"{CORRECTED} {how}" for how in ("IPS", "SNIPS", "clipped IPS"))
NO_RELEVANT = "no relevant item"
SHARES = {
    "sold items shown": ("sold", "with_status"),
    "category mismatches": ("mismatched", "with_category"),
    "new listings shown": ("new", "with_age"),
    "distinct sellers": ("sellers", "with_sellers"),
}
"""What else is told of all shelves: columns of MORE, the one over the other."""

Layout = tuple[str, str]
"""Surface and layout: a stratum, where places are looked at alike."""


@dataclass(frozen=True)
class ReplicatedFigure:
    """A figure in each replicate, row 0 being the estimate; both (replicates + 1,)."""

    values: Floats
    counts: Floats
    """How many shelves, or items, it is of."""
    missing: NotEnoughEvidence | None = None
    effective: float | None = None
    outside: float | None = None
    randomised: float | None = None
    """The effective users of the randomised shelves, of a figure that rests on an examination curve."""


def curve_sums(stats: DayStats) -> DayStats:
    """Of the sums of some days what teaches how much places are looked at, and nothing else."""
    return DayStats({key: sums for key, sums in stats.sums.items() if key.kind == "curve"})


def curves(stats: DayStats, floor: MinimumEvidence) -> dict[Layout, Curve]:
    """How much places are looked at, by surface and layout."""
    found = {(key.surface, key.layout): sums for key, sums in stats.sums.items() if key.kind == "curve"}
    return {layout: examination(as_floats(sums), floor.clicks) for layout, sums in found.items()}


def replicate_figures(
    stats: DayStats, choice: EvaluationConfig, learnt: DayStats | None = None
) -> dict[Slice, dict[str, ReplicatedFigure]]:
    """All figures, by slice and name; examination is learnt from `learnt` (usually more days) or `stats` itself."""
    looked = curves(learnt or stats, choice.minimum_evidence)
    slices: dict[Slice, dict[Layout, Sums]] = defaultdict(dict)
    for key, sums in stats.sums.items():
        if key.kind == "shelf":
            slices[key.slice, key.name][key.surface, key.layout] = sums
    for (surface, layout), sums in slices.get(ALL, {}).items():
        slices["surface", surface][surface, layout] = sums
        slices["layout", layout][surface, layout] = sums
    told = {where: _of_slice(strata, looked, choice) for where, strata in slices.items()}
    more = [sums for key, sums in stats.sums.items() if key.kind == "more"]
    if more:
        total = dict(zip((*MORE, *place_names()), as_floats(reduce(add_exactly, more)).T, strict=True))
        told[ALL] |= {name: ratio(total[up], total[down], "items with it told") for name, (up, down) in SHARES.items()}
        for kind, names in (("position", map(str, range(1, PLACES + 1))), ("age", AGES)):
            for name in names:
                told[kind, name] = {"CTR": ratio(total[f"clicked {name}"], total[f"seen {name}"], "items seen")}
    return told


def _of_slice(
    strata: Mapping[Layout, Sums], looked: Mapping[Layout, Curve], choice: EvaluationConfig
) -> dict[str, ReplicatedFigure]:
    names = shelf_names(choice.measures)
    columns = {layout: dict(zip(names, as_floats(sums).T, strict=True)) for layout, sums in strata.items()}
    total = dict(zip(names, as_floats(reduce(add_exactly, strata.values())).T, strict=True))
    found = {str(each): ratio(total[str(each)], total[each.over], _SHELVES[each.over]) for each in choice.measures}
    for each in choice.measures:
        if each.name == "nDCG":
            found |= _beside_random(each, total)
    found[NO_RELEVANT] = ratio(total["visible"] - total["relevant"], total["visible"], _SHELVES["visible"])
    places = range(1, PLACES + 2)
    parts = {
        layout: Stratum(
            np.stack([mine[f"gain{place}"] for place in places], axis=1),
            np.stack([mine[f"acted{place}"] for place in places], axis=1),
            looked.get(layout) or unknown_curve(choice.replicates + 1),
        )
        for layout, mine in columns.items()
    }
    sums, visible = corrected_sums(list(parts.values()), choice.clip), total["visible"]
    missing = _missing(parts, sums, choice.minimum_evidence)
    for name, up, down in ((IPS, sums.ips, visible), (CLIPPED, sums.clipped, visible), (SNIPS, sums.ips, sums.weight)):
        values = _divided(up, down)
        found[name] = ReplicatedFigure(values, visible, missing, sums.effective, sums.outside, sums.users)
    return found


def random_to_best(measure: Measure) -> str:
    """The name of the share of the way from a random order (0) to the best one (1)."""
    return f"{measure} random to best"


def _beside_random(measure: Measure, total: Mapping[str, Floats]) -> dict[str, ReplicatedFigure]:
    """What a random order of the same items is worth, and how far from it to the best order the measure is."""
    name, relevant = random_order(measure), total["relevant"]
    baseline = ratio(total[name], relevant, _SHELVES["relevant"])
    way = ratio(total[str(measure)] - total[name], relevant - total[name], "shelves on which the order matters")
    return {name: baseline, random_to_best(measure): replace(way, counts=relevant)}


_SHELVES = {"relevant": "shelves with a relevant item", "visible": "visible shelves"}


def ratio(up: Floats, down: Floats, of: str) -> ReplicatedFigure:
    """A sum over how many there are; `of` says what is missing where there is none."""
    missing = None if down[0] else NotEnoughEvidence(of, 0, 1)
    return ReplicatedFigure(_divided(up, down), down, missing)


def _divided(up: Floats, down: Floats) -> Floats:
    return np.asarray(np.divide(up, down, out=np.full(up.shape, np.nan), where=down != 0), np.float64)


def _missing(strata: Mapping[Layout, Stratum], sums: CorrectedSums, floor: MinimumEvidence) -> NotEnoughEvidence | None:
    """What a corrected figure lacks: above all, what is known of the places where most was gained in vain."""
    if sums.outside > floor.outside:
        lost = {where: _lost(stratum) for where, stratum in strata.items()}
        worst = max(lost, key=lambda where: (lost[where], where))
        clicks = strata[worst].curve.clicks
        if short := [place for place, count in enumerate(clicks, 1) if count < floor.clicks]:
            where = " ".join(filter(None, worst)) or "every surface"
            of = f"items acted on on randomised shelves ({where}), at place {short[0]} or {short[0] + 1}"
            return NotEnoughEvidence(of, float(clicks[short[0] - 1]), floor.clicks)
        return NotEnoughEvidence(f"% of the gain at the first {PLACES} places", 100 * (1 - sums.outside), 100)
    if sums.effective < floor.effective:
        return NotEnoughEvidence("effective items acted on", sums.effective, floor.effective)
    return None


def _lost(stratum: Stratum) -> float:
    known = np.isfinite(stratum.curve.looked[0])
    return float(stratum.gains[0].sum() - (stratum.gains[0, :PLACES] * known).sum())


def missing_evidence(figure: ReplicatedFigure, floor: MinimumEvidence) -> NotEnoughEvidence | None:
    """What a figure lacks to be shown."""
    if figure.counts[0] < floor.shelves:
        return NotEnoughEvidence("shelves, or items", float(figure.counts[0]), floor.shelves)
    users = effective_users(figure.counts)
    return NotEnoughEvidence("equally active users", users, floor.users) if users < floor.users else figure.missing
