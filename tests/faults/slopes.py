"""Whether something grows: the straight line through what was measured, by least squares."""

from collections.abc import Sequence
from dataclasses import dataclass

from faults.watch import MEGABYTE, Sample

HOUR = 3_600.0
WARM_UP = 0.25
"""The first part of a soak is left out: buffers and caches fill once."""


@dataclass(frozen=True)
class Slope:
    """By how much a figure grows in an hour, and how much of that is allowed."""

    name: str
    per_hour: float
    allowed: float
    first: float
    last: float

    @property
    def flat(self) -> bool:
        """Whether it does not grow. What falls is no leak."""
        return self.per_hour <= self.allowed

    def __str__(self) -> str:
        verdict = "flat" if self.flat else "GROWS"
        return (
            f"{self.name:13} {self.per_hour:+9.1f} an hour (allowed {self.allowed:+.0f}), "
            f"{self.first:.0f} at first, {self.last:.0f} at last: {verdict}"
        )


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the least-squares line through the points, in units of value by units of time.

    >>> slope([0, 1, 2], [5, 7, 9])
    2.0
    """
    count = len(times)
    mean_time, mean_value = sum(times) / count, sum(values) / count
    spread = sum((each - mean_time) ** 2 for each in times)
    both = sum((time - mean_time) * (value - mean_value) for time, value in zip(times, values, strict=True))
    return both / spread if spread else 0.0


def slopes(samples: Sequence[Sample]) -> list[Slope]:
    """Of memory in megabytes, of threads and of open files, after the warm-up.

    What is allowed is what chance can make of half an hour: 40 MB and four threads or files in that time.
    """
    kept = samples[round(len(samples) * WARM_UP) :]
    times = [(each.at - kept[0].at) / HOUR for each in kept]
    hours = max(times[-1], 1 / HOUR)
    figures = {
        "memory, MB": ([each.rss / MEGABYTE for each in kept], 40.0),
        "threads": ([float(each.threads) for each in kept], 4.0),
        "open files": ([float(each.files) for each in kept], 4.0),
    }
    return [
        Slope(name, slope(times, values), grown / hours, values[0], values[-1])
        for name, (values, grown) in figures.items()
    ]
