"""(k) False alarms where nothing is wrong: concurrent evidence against the run length stated, and what fools observed.

Sites are simulated as units of user-days, not through Kafka; the detector, the reference, the causes are the product's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.decision.retrain_policy import RetrainPolicy

from . import observed_days as seen
from .bench import Bench
from .report import Figure
from .streams_of_days import Sites, checked, units_a_day
from .unequal_anchors import LearningDetectors

PART = "k"
SHARE = 0.1
"""Of the shelves that are interleaved."""
YEARS = 4


@dataclass(frozen=True)
class Measured:
    """Days until an alarm, `days` where there was none by then."""

    runs: NDArray[np.intp]
    days: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean run, cut at `days`: of the real mean it is a lower bound."""
        error = 1.96 * float(self.runs.std(ddof=1)) / np.sqrt(len(self.runs))
        return float(self.runs.mean()) - error, float(self.runs.mean()) + error

    def within(self, days: int) -> float:
        """Share of the sites with an alarm within so many days."""
        return float((self.runs < days).mean())


def run_lengths(
    bench: Bench, sites: int, days: int, length: float, *, shock: float = 0.0, worse: float = 0.0, seed: int = 11
) -> Measured:
    """Follow sites where live stays as good as it was until each has had an alarm, at most so many days."""
    market = Sites(sites, units_a_day(SHARE), seed, shock=shock, worse=worse)
    detectors = LearningDetectors(sites)
    runs = np.full(sites, days)
    for number in range(days):
        alarmed = (detectors.after(market.day(number)) >= length) & (runs == days)
        runs[alarmed] = number + 1
        if number % 200 == 199:
            bench.say(f"(k) day {number + 1} of {days}: {(runs < days).mean():.0%} of {sites} sites had a false alarm")
    return Measured(runs, days)


def measure(bench: Bench) -> list[Figure]:
    """Concurrent with everything going on at once, then with shocks it does not assume; observed, one by one."""
    checked()
    length = RetrainPolicy.model_validate({}).run_length_days
    sites, days = bench.pick(2_000, 200), round(length) * bench.pick(YEARS, 2)
    found = run_lengths(bench, sites, days, length)
    low, high = found.interval
    note = (
        f"{sites} sites, {units_a_day(SHARE)} units a day, cut at {days} days: a lower bound; 95 % {low:.0f}–{high:.0f}"
    )
    figures = [
        Figure(PART, "concurrent: mean days until a false alarm", "days", (float(found.runs.mean()),), length, note),
        *(
            Figure(
                PART,
                f"concurrent: false alarm within {limit} days",
                "share",
                (found.within(limit),),
                note=f"at most {limit / length:.2f} is stated",
            )
            for limit in (30, 90, 365)
        ),
    ]
    for shock in (0.01, 0.02, 0.04):
        hit = run_lengths(bench, bench.pick(300, 60), days // 2, length, shock=shock, seed=12)
        note = f"cut at {days // 2} days; 95 % {hit.interval[0]:.0f}–{hit.interval[1]:.0f}; not assumed, so no aim"
        name = f"concurrent: mean days, the anchor's share of a day shaken by ± {shock:.0%}"
        figures.append(Figure(PART, name, "days", (float(hit.runs.mean()),), note=note))
    for worse in (0.05, 0.09):
        hit = run_lengths(bench, bench.pick(300, 60), days, length, worse=worse, seed=13)
        note = f"cut at {days} days; 95 % {hit.interval[0]:.0f}–{hit.interval[1]:.0f}"
        name = f"concurrent: mean days, the anchor {worse:.0%} worse than live from the start"
        figures.append(Figure(PART, name, "days", (float(hit.runs.mean()),), length, note))
    return [*figures, *_observed(bench)]


def _observed(bench: Bench) -> list[Figure]:
    sites, days = bench.pick(200, 40), 120
    figures = []
    for nuisance in seen.NUISANCES:
        told = [seen.site(nuisance, days, seed) for seed in range(sites)]
        alarms = sum(each.alarm for each in told) / sites
        asked = sum(each.requested for each in told) / sites
        causes = seen.named(told)
        bench.say(f"(k) observed, {nuisance}: {alarms:.0%} alarms, {asked:.0%} requests; {causes}")
        name = f"observed, {nuisance}: alarms in {days} days after promotion"
        figures.append(Figure(PART, name, "share", (alarms,), note=f"requests after causes: {asked:.3f}; {causes}"))
    return figures
