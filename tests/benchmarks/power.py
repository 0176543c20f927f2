"""(l) How soon a real drop is found: days from the drop to the alarm, beside a test of a length fixed beforehand."""

import math
from collections import Counter
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workers.decision.retrain_policy import RetrainPolicy

from . import observed_days as seen
from . import weekly_releases as weekly
from .bench import Bench
from .report import Figure
from .streams_of_days import VALUES, Detectors, chances, units_a_day
from .unequal_anchors import LearningDetectors

PART = "l"
DROPS = (0.02, 0.05, 0.09)
SHARES = (0.1, 0.3, 1.0)
CLEAN = 90
"""Days at par before the drop."""
LONGEST = 1_500
Z = NormalDist().inv_cdf


def anchor_share(drop: float) -> float:
    """The chance that a credit goes to the anchor where live earns `drop` less than it.

    >>> anchor_share(0.0)
    0.5
    """
    return 1 / (2 - drop)


def delays(sites: int, units: int, drop: float, length: float, seed: int) -> NDArray[np.float64]:
    """Days from the drop to the alarm; those with a false alarm before it are left out, inf where none came."""
    draws, detectors = np.random.default_rng(seed), Detectors.fresh(sites)
    found, early = np.full(sites, np.inf), np.zeros(sites, bool)
    before, after = chances(0.5), chances(anchor_share(drop))
    for day in range(CLEAN + LONGEST):
        size = draws.poisson(units, sites)
        level = detectors.after(draws.multinomial(size, before if day < CLEAN else after))
        early |= (level >= length) & (day < CLEAN)
        found = np.where((level >= length) & np.isinf(found), day - CLEAN + 1, found)
        if day > CLEAN and not np.isinf(found[~early]).any():
            break
    return found[~early]


def fixed_horizon(units: int, drop: float, length: float, size: float | None = None) -> float | None:
    """Days of a one-sided z-test with 80 % power, begun on the day of the drop.

    Its size is `size`, or the one with which, repeated end to end, it raises false alarms no more often than one in
    `length` days (days / length); None where it would need more days than that.
    """
    law = chances(anchor_share(drop))
    mean = float(law @ VALUES)
    deviation = math.sqrt(float(law @ VALUES**2) - mean**2)
    for days in range(1, 100_000):
        alpha = days / length if size is None else size
        if alpha >= 0.5:
            return None
        needed = ((Z(1 - alpha) + Z(0.8)) * deviation / mean) ** 2
        if needed <= days * units:
            return float(days)
    return None


def measure(bench: Bench) -> list[Figure]:
    """Drops by shares of interleaved shelves at 10,000 shelves a day; then observed evidence."""
    length, sites = RetrainPolicy.model_validate({}).run_length_days, bench.pick(2_000, 200)
    figures = []
    for drop in DROPS:
        for share in SHARES:
            units = units_a_day(share)
            told = delays(sites, units, drop, length, seed=5)
            cut = np.quantile(told, [0.5, 0.8, 0.9], method="higher")
            bench.say(f"(l) drop {drop:.0%}, {share:.0%} interleaved: half within {cut[0]:.0f} days")
            usual, same = fixed_horizon(units, drop, length, 0.05), fixed_horizon(units, drop, length)
            note = (
                f"{units} units a day; 80 % within {_days(cut[1])}, 90 % within {_days(cut[2])}; fixed horizon, 80 % "
                f"power: {_days(same)} at as many false alarms, {_days(usual)} at size 5 %"
            )
            name = f"concurrent: drop of {drop:.0%}, {share:.0%} of the shelves interleaved, median delay"
            figures.append(Figure(PART, name, "days", (float(min(cut[0], 1e9)),), note=note))
    return [*figures, *_unequal(bench, length), *_observed(bench), *_weekly(bench)]


def unequal_delays(sites: int, worse: float, decay: float, length: float, days: int = 400) -> NDArray[np.float64]:
    """Days until a decay is found against an anchor that earned `worse` less than live when it was promoted."""
    draws, detectors, units = np.random.default_rng(5), LearningDetectors(sites), units_a_day(0.1)
    found, early = np.full(sites, np.inf), np.zeros(sites, bool)
    before, after = chances((1 - worse) / (2 - worse)), chances((1 - worse) / (2 - worse - decay))
    for day in range(CLEAN + days):
        level = detectors.after(draws.multinomial(draws.poisson(units, sites), before if day < CLEAN else after))
        early |= (level >= length) & (day < CLEAN)
        found = np.where((level >= length) & np.isinf(found), day - CLEAN + 1, found)
    return found[~early]


def _unequal(bench: Bench, length: float) -> list[Figure]:
    figures, sites = [], bench.pick(2_000, 200)
    for worse in (0.0, 0.05, 0.09):
        for decay in (0.05, 0.09):
            found = unequal_delays(sites, worse, decay, length)
            cut = np.quantile(found, [0.5, 0.8], method="higher")
            note = f"80 % within {_days(cut[1])}; within 400 days {np.isfinite(found).mean():.3f} of {sites} sites"
            name = f"concurrent: anchor {worse:.0%} worse, decay of {decay:.0%}, 10% interleaved, median delay"
            bench.say(f"(l) {name}: {_days(cut[0])}; {note}")
            figures.append(Figure(PART, name, "days", (float(min(cut[0], 1e9)),), note=note))
    return figures


def _weekly(bench: Bench) -> list[Figure]:
    figures, sites = [], bench.pick(25, 4)
    for drop, release in ((0.09, 0.0), (0.25, 0.0), (0.35, 0.0), (0.5, 0.0), (0.0, 0.09), (0.0, 0.25), (0.0, 0.0)):
        told = [weekly.follow(weekly.Site(seed, drop, release)) for seed in range(sites)]
        asked = sum(each.asked is not None for each in told) / sites
        causes = Counter(each.cause for each in told).most_common()
        name = f"observed, weekly releases: model {drop:.0%} worse, a release {release:.0%}: requests"
        bench.say(f"(l) {name} {asked:.2f}; {causes}")
        note = f"within {weekly.AFTER} days, {sites} sites; " + ", ".join(f"{each} {count}" for each, count in causes)
        figures.append(Figure(PART, name, "share", (asked,), note=note))
    return figures


def _observed(bench: Bench) -> list[Figure]:
    sites, days, figures = bench.pick(200, 30), 180, []
    for drop in DROPS:
        told = [seen.site("nothing", days, seed, drop) for seed in range(sites)]
        delay = np.array([each.delay if each.delay is not None else np.inf for each in told])
        asked = sum(each.requested for each in told) / sites
        cut = np.quantile(delay, [0.5, 0.8], method="higher")
        bench.say(f"(l) observed, drop {drop:.0%}: half within {cut[0]:.0f} days, {asked:.0%} requests")
        note = f"80 % within {_days(cut[1])}; requests {asked:.2f}; at its first alarm: {seen.named(told)}"
        name = f"observed: drop of {drop:.0%}, median delay"
        figures.append(Figure(PART, name, "days", (float(min(cut[0], 1e9)),), note=note))
    return figures


def _days(value: float | None) -> str:
    return "never" if value is None or math.isinf(value) else f"{value:.0f} days"
