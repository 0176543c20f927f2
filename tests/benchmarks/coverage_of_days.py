"""(m) The corrected DCG@5 of one day and of a week, where the examination curve is learnt from four weeks.

A run is a site with 2,000 shelves a day, in visits of users of very uneven activity, each with a liking of their own
that lasts; a share of the shelves is shuffled, or has neighbours swapped. Beside the product's interval stand two
others of the same replicates: percentile, and bias-corrected and accelerated.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, skew  # type: ignore[import-untyped]  # these ship no types
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Figure as Told
from workers.evaluation.figures import to_estimate
from workers.evaluation.replicates import IPS, replicate_figures
from workers.evaluation.shelf_statistics import PLACES
from workers.evaluation.shelves import DRAWN, Shelves, make_shelves
from workers.evaluation.slices import ALL

from .bench import Bench
from .coverage import CHOICE, EXAMINED, FALLS, LIKING, TRUE
from .report import Figure

PART = "m"
AIM = 0.94
Floats = NDArray[np.float64]
Ends = tuple[float, float]
DAYS, SHELVES_A_DAY = 28, 2_000
USERS, VISIT, MOST = 4_500, 4, 30
"""Users, the shelves of a visit, and the most visits of one user in the four weeks."""
SHARES = (0.01, 0.03, 0.06, 0.10, 0.30)
PERIODS = {"one day": 1, "seven days": 7}
KINDS = ("shuffle", "swap")


class Run(NamedTuple):
    """What is told of one period of one site: the estimate, and its interval by each construction."""

    value: float
    ends: dict[str, Ends]


def shelves(kind: str, share: float, draws: np.random.Generator) -> Shelves:
    """Four weeks of a site; of the days before the last week only the randomised shelves, which teach the curve."""
    visits = np.minimum(1 + draws.pareto(1.5, USERS), MOST)
    total = DAYS * SHELVES_A_DAY // VISIT
    of_visit = draws.choice(USERS, total, p=visits / visits.sum())
    user = np.repeat(of_visit, VISIT)
    day = np.repeat(draws.integers(0, DAYS, total), VISIT)
    randomised = draws.random(len(user)) < share
    kept = randomised | (day >= DAYS - max(PERIODS.values()))
    user, day, randomised = user[kept], day[kept], randomised[kept]
    liking = LIKING[2] * draws.beta(LIKING[0], LIKING[1], USERS)
    attracts = liking[user, None] * FALLS * draws.uniform(0.5, 1.5, (len(user), PLACES))
    order, chance = _drawn(kind, randomised, draws)
    clicked = draws.random(attracts.shape) < EXAMINED * np.take_along_axis(attracts, order, axis=1)
    names = draws.integers(1, 1 << 63, USERS).astype(np.uint64)  # so that each run has other weights
    return make_shelves(
        order + 1,
        grade=clicked,
        user=names[user],
        at=day * 86_400_000_000,
        propensity=chance,
        drawn=np.where(randomised, DRAWN.index(kind), DRAWN.index("no")),
    )


def _drawn(kind: str, randomised: NDArray[np.bool_], draws: np.random.Generator) -> tuple[NDArray[np.intp], Floats]:
    """Which item stands at each place, and how likely it was to stand there; nan where the order was not drawn."""
    order = np.tile(np.arange(PLACES), (len(randomised), 1))
    chance = np.full(order.shape, np.nan)
    count = int(randomised.sum())
    if kind == "shuffle":
        order[randomised] = np.argsort(draws.random((count, PLACES)), axis=1)
        chance[randomised] = 1 / PLACES
        return order, chance
    odd, coins = draws.random(count) < 0.5, draws.random((count, PLACES // 2)) < 0.5
    mine = order[randomised]
    for pair in range(PLACES // 2):
        left = 2 * pair + odd
        rows = np.flatnonzero(coins[:, pair] & (left + 1 < PLACES))
        mine[rows, left[rows]], mine[rows, left[rows] + 1] = left[rows] + 1, left[rows]
    order[randomised] = mine
    stays = np.array([0.75, *[0.5] * (PLACES - 2), 0.75])
    chance[randomised] = np.where(mine == np.arange(PLACES), stays, 0.25)
    return order, chance


def site(kind: str, share: float, seed: int) -> dict[str, Run | None]:
    """By period what is told of a site; None where it lacked evidence."""
    every = shelves(kind, share, np.random.default_rng([seed, round(1_000 * share), KINDS.index(kind)]))
    learnt, found = stats(every.pick(every.drawn > 0), CHOICE), dict[str, Run | None]()
    for period, days in PERIODS.items():
        figure = replicate_figures(stats(every.pick(every.day >= DAYS - days), CHOICE), CHOICE, learnt)[ALL][IPS]
        told = to_estimate(figure, CHOICE.minimum_evidence)
        if not isinstance(told, Told):
            found[period] = None
            continue
        ends = {name: construct(figure.values) for name, construct in CONSTRUCTIONS.items()}
        ends["t on the log"] = (told.interval.low, told.interval.high)
        found[period] = Run(told.value, ends)
    return found


def percentile(values: Floats) -> Ends:
    """The middle 95 % of the replicates: the same on the log."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return float(low), float(high)


def accelerated(values: Floats) -> Ends:
    """BCa (Efron, 1987); the acceleration is a sixth of the skewness of the logarithms, for no user is left out."""
    drawn = values[1:][np.isfinite(values[1:])]
    bias, turn = norm.ppf(np.clip((drawn < values[0]).mean(), 1e-3, 1 - 1e-3)), skew(np.log(drawn)) / 6
    level = bias + norm.ppf([0.025, 0.975])
    low, high = np.quantile(drawn, norm.cdf(bias + level / (1 - turn * level)))
    return float(low), float(high)


CONSTRUCTIONS: dict[str, Callable[[Floats], Ends]] = {"percentile": percentile, "BCa": accelerated}


def measure(bench: Bench) -> list[Figure]:
    """Runs of each share and kind, on all cores."""
    figures, count = [], bench.pick(400, 40)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), threadpool_limits, (1, "blas")) as pool:
        for kind in KINDS:
            for share in SHARES:
                runs = list(pool.map(partial(site, kind, share), range(count), chunksize=5))
                bench.say(f"(m) {share:.0%} {kind}: {count} runs")
                figures += [_figure(f"{each}, {share:.0%} {kind}", [run[each] for run in runs]) for each in PERIODS]
    return figures


def _figure(name: str, runs: list[Run | None]) -> Figure:
    told = [each for each in runs if each is not None]
    if not told:
        return Figure(PART, f"{name}: coverage of {IPS}", "share", (0.0,), AIM, f"all {len(runs)} runs lacked evidence")
    held = {how: _held([each.ends[how] for each in told]) for how in told[0].ends}
    mine = held.pop("t on the log")
    exact = binomtest(mine, len(told)).proportion_ci(0.95, "exact")  # Clopper and Pearson
    wide = np.median([high - low for low, high in (each.ends["t on the log"] for each in told)]) / TRUE
    off = float(np.mean([each.value for each in told])) / TRUE - 1
    others = ", ".join(f"{how} {count / len(told):.3f}" for how, count in held.items())
    note = (
        f"{mine} of {len(told)} runs, 95 % {exact.low:.3f}–{exact.high:.3f}; off by {off:+.1%} on average, the "
        f"interval {wide:.0%} wide; {len(runs) - len(told)} lacked evidence; {others}"
    )
    return Figure(PART, f"{name}: coverage of {IPS}", "share", (mine / len(told),), AIM, note)


def _held(intervals: list[Ends]) -> int:
    return sum(low <= TRUE <= high for low, high in intervals)
