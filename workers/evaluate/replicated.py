"""From sums to figures in every replicate: here, and only here, is anything divided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from workers.evaluate.cells import ALL, Slice
from workers.evaluate.choice import Choice
from workers.evaluate.columns import AGES, CORRECTED, MORE, PLACES, place_names, shelf_names
from workers.evaluate.estimators import Corrected, Curve, Stratum, corrected, examination, unknown
from workers.evaluate.intervals import effective_users
from workers.evaluate.shelves import Floats
from workers.evaluate.sums import SCALE, DayStats, Sums, added
from workers.evaluate.told import Floor, NotEnough

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
class Replicated:
    """A figure in each replicate, row 0 being the estimate; both (replicates + 1,)."""

    values: Floats
    counts: Floats
    """How many shelves, or items, it is of."""
    missing: NotEnough | None = None
    effective: float | None = None
    outside: float | None = None


def curves(stats: DayStats, floor: Floor) -> dict[Layout, Curve]:
    """How much places are looked at, by surface and layout."""
    found = {(key.surface, key.layout): sums for key, sums in stats.sums.items() if key.kind == "curve"}
    return {layout: examination(sums / SCALE, floor.clicks) for layout, sums in found.items()}


def replicated(stats: DayStats, choice: Choice) -> dict[Slice, dict[str, Replicated]]:
    """All figures, by slice and name."""
    looked = curves(stats, choice.floor)
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
        total = dict(zip((*MORE, *place_names()), reduce(added, more).T / SCALE, strict=True))
        told[ALL] |= {name: ratio(total[up], total[down], "items with it told") for name, (up, down) in SHARES.items()}
        for kind, names in (("position", map(str, range(1, PLACES + 1))), ("age", AGES)):
            for name in names:
                told[kind, name] = {"CTR": ratio(total[f"clicked {name}"], total[f"seen {name}"], "items seen")}
    return told


def _of_slice(strata: Mapping[Layout, Sums], looked: Mapping[Layout, Curve], choice: Choice) -> dict[str, Replicated]:
    names = shelf_names(choice.measures)
    columns = {layout: dict(zip(names, sums.T / SCALE, strict=True)) for layout, sums in strata.items()}
    total = dict(zip(names, reduce(added, strata.values()).T / SCALE, strict=True))
    found = {str(each): ratio(total[str(each)], total[each.over], _SHELVES[each.over]) for each in choice.measures}
    found[NO_RELEVANT] = ratio(total["visible"] - total["relevant"], total["visible"], _SHELVES["visible"])
    places = range(1, PLACES + 2)
    parts = {
        layout: Stratum(
            np.stack([mine[f"gain{place}"] for place in places], axis=1),
            np.stack([mine[f"acted{place}"] for place in places], axis=1),
            looked.get(layout) or unknown(choice.replicates + 1),
        )
        for layout, mine in columns.items()
    }
    sums, visible = corrected(list(parts.values()), choice.clip), total["visible"]
    missing = _missing(parts, sums, choice.floor)
    for name, up, down in ((IPS, sums.ips, visible), (CLIPPED, sums.clipped, visible), (SNIPS, sums.ips, sums.weight)):
        values = _divided(up, down)
        found[name] = Replicated(values, visible, missing, sums.effective, sums.outside)
    return found


_SHELVES = {"relevant": "shelves with a relevant item", "visible": "visible shelves"}


def ratio(up: Floats, down: Floats, of: str) -> Replicated:
    """A sum over how many there are; `of` says what is missing where there is none."""
    missing = None if down[0] else NotEnough(of, 0, 1)
    return Replicated(_divided(up, down), down, missing)


def _divided(up: Floats, down: Floats) -> Floats:
    return np.asarray(np.divide(up, down, out=np.full(up.shape, np.nan), where=down != 0), np.float64)


def _missing(strata: Mapping[Layout, Stratum], sums: Corrected, floor: Floor) -> NotEnough | None:
    """What a corrected figure lacks: above all, what is known of the places where most was gained in vain."""
    if sums.outside > floor.outside:
        lost = {where: _lost(stratum) for where, stratum in strata.items()}
        worst = max(lost, key=lambda where: (lost[where], where))
        clicks = strata[worst].curve.clicks
        if short := [place for place, count in enumerate(clicks, 1) if count < floor.clicks]:
            where = " ".join(filter(None, worst)) or "every surface"
            of = f"items acted on on randomised shelves ({where}), at place {short[0]} or {short[0] + 1}"
            return NotEnough(of, float(clicks[short[0] - 1]), floor.clicks)
        return NotEnough(f"% of the gain at the first {PLACES} places", 100 * (1 - sums.outside), 100)
    if sums.effective < floor.effective:
        return NotEnough("effective items acted on", sums.effective, floor.effective)
    return None


def _lost(stratum: Stratum) -> float:
    known = np.isfinite(stratum.curve.looked[0])
    return float(stratum.gains[0].sum() - (stratum.gains[0, :PLACES] * known).sum())


def lacking(figure: Replicated, floor: Floor) -> NotEnough | None:
    """What a figure lacks to be shown."""
    if figure.counts[0] < floor.shelves:
        return NotEnough("shelves, or items", float(figure.counts[0]), floor.shelves)
    users = effective_users(figure.counts)
    return NotEnough("equally active users", users, floor.users) if users < floor.users else figure.missing
