"""(j) How often the 95 % interval of the corrected DCG@5 holds the truth, where clicks depend on places.

A run is a site: users of very uneven activity, each with a liking of their own; items that attract the less the further
down the model puts them; a share of the shelves shuffled, which the curve of examination is learnt from. True is the
expected DCG@5 of attraction in the model's order. Estimator, curve, bootstrap and interval are the product's.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest  # type: ignore[import-untyped]  # these ship no types
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from workers.evaluation.config import USUAL
from workers.evaluation.estimates import Figure as Told
from workers.evaluation.figures import evaluate
from workers.evaluation.measures import discounts
from workers.evaluation.replicates import CLIPPED, IPS
from workers.evaluation.shelf_statistics import CORRECTED, PLACES
from workers.evaluation.shelves import DRAWN, Shelves, make_shelves

from .bench import Bench
from .report import Figure

PART = "j"
AIM = 0.94
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Intervals = Mapping[str, tuple[float, float, float]]
"""By figure its value, the low and the high end of its interval; without those that lacked evidence."""

USERS, MOST = 800, 150
"""Users, and the most shelves of one."""
SHUFFLED = 0.35
EXAMINED = 1 / np.arange(1, PLACES + 1) ** 0.7
"""How much each place is looked at."""
LIKING = (2, 4, 0.6)
"""Of a user: Beta(2, 4) times 0.6, so 0.2 on average."""
FALLS = np.exp(-0.15 * np.arange(PLACES))
TRUST = 0.04 * 0.5 ** (np.arange(PLACES) / 3)
"""How likely a place that is looked at is clicked though its item does not attract."""
GOES_ON, AFTER_CLICK = 0.85, 0.4
"""Cascade: how likely the next place is looked at too, and how likely after a click."""
NAIVE = str(CORRECTED)
TRUE = float(0.2 * FALLS[: CORRECTED.cutoff] @ discounts(CORRECTED.cutoff))
"""The mean liking, as activity has nothing to do with it, times what attraction falls to."""
CHOICE = replace(USUAL, measures=(CORRECTED,), by=())

TRUTHS = {
    "position bias": (2_000, "what the estimator assumes"),
    "trust bias": (2_000, "not assumed: the first places are clicked because they stand there"),
    "cascade": (2_000, "not assumed: who has clicked mostly looks no further"),
}
"""How many runs of each."""


def site(truth: str, seed: int) -> Intervals:
    """What is told of one site."""
    found = evaluate(shelves(truth, np.random.default_rng([seed, list(TRUTHS).index(truth)])), CHOICE)
    told = {name: found[name] for name in (IPS, CLIPPED, NAIVE)}
    return {
        name: (each.value, each.interval.low, each.interval.high)
        for name, each in told.items()
        if isinstance(each, Told)
    }


def shelves(truth: str, draws: np.random.Generator) -> Shelves:
    """Some 10,000 shelves: one user in ten has about half of them."""
    count = np.minimum(1 + 6 * draws.pareto(1.5, USERS), MOST).astype(np.intp)
    user = np.repeat(np.arange(USERS), count)
    liking = LIKING[2] * draws.beta(LIKING[0], LIKING[1], USERS)
    attracts = liking[user, None] * FALLS * draws.uniform(0.5, 1.5, (len(user), PLACES))
    shuffled = draws.random(len(user)) < SHUFFLED
    order = np.tile(np.arange(PLACES), (len(user), 1))
    order[shuffled] = np.argsort(draws.random((int(shuffled.sum()), PLACES)), axis=1)
    clicked = _clicked(truth, np.take_along_axis(attracts, order, axis=1), draws)
    names = draws.integers(1, 1 << 63, USERS).astype(np.uint64)  # so that each run has other weights
    return make_shelves(
        order + 1,
        grade=clicked,
        user=names[user],
        propensity=np.where(shuffled[:, None], np.full(PLACES, 1 / PLACES), np.nan),
        drawn=np.where(shuffled, DRAWN.index("shuffle"), DRAWN.index("no")),
    )


def _clicked(truth: str, attracts: Floats, draws: np.random.Generator) -> Flags:
    """Which places are clicked, of items that attract so much where they stand."""
    uniform = draws.random(attracts.shape)
    if truth == "cascade":
        clicked, looks = np.zeros(attracts.shape, bool), np.ones(len(attracts), bool)
        for place in range(PLACES):
            clicked[:, place] = looks & (uniform[:, place] < attracts[:, place])
            looks &= draws.random(len(attracts)) < np.where(clicked[:, place], AFTER_CLICK, GOES_ON)
        return clicked
    likely = attracts + (1 - attracts) * TRUST if truth == "trust bias" else attracts
    return np.asarray((draws.random(attracts.shape) < EXAMINED) & (uniform < likely))


def measure(bench: Bench) -> list[Figure]:
    """Runs of each truth, on all cores."""
    figures = []
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), threadpool_limits, (1, "blas")) as pool:
        for truth, (usual, what) in TRUTHS.items():
            count = bench.pick(usual, 200)
            runs = list(pool.map(partial(site, truth), range(count), chunksize=10))
            bench.say(f"(j) {truth}: {count} runs")
            figures += [_figure(truth, name, [run.get(name) for run in runs], what) for name in (IPS, CLIPPED, NAIVE)]
    return figures


def _figure(truth: str, name: str, runs: list[tuple[float, float, float] | None], what: str) -> Figure:
    told = [each for each in runs if each is not None]
    held = sum(low <= TRUE <= high for _, low, high in told)
    exact = binomtest(held, len(told)).proportion_ci(0.95, "exact")  # Clopper and Pearson
    off = float(np.mean([value for value, _, _ in told])) / TRUE - 1
    wide = float(np.mean([high - low for _, low, high in told])) / TRUE
    note = (
        f"{held} of {len(told)} runs, 95 % {exact.low:.4f}–{exact.high:.4f}; off by {off:+.1%} on average, the "
        f"interval {wide:.1%} wide; {len(runs) - len(told)} lacked evidence; {what}"
    )
    aim = AIM if (truth, name) == ("position bias", IPS) else None
    return Figure(PART, f"{truth}: coverage of {name}", "share", (held / len(told),), aim, note)
