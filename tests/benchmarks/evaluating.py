"""(i) Figures of 1,000,000 recorded shelves of ten items with the bootstrap; measures of each shelf beside ranx."""

import os
import time
from datetime import timedelta
from pathlib import Path

from workers.evaluation.config import USUAL

from . import recorded
from .bench import Bench
from .report import Figure

PART = "i"
DAYS, USERS = 20, 100_000
SECONDS, GIB = 10.0, 2.0
"""What the whole process may take, on two cores."""


def measure(bench: Bench) -> list[Figure]:
    """Write the files, evaluate them as often as there is time for, then the measures alone."""
    shelves = bench.pick(1_000_000, 100_000)
    folder = bench.path("recorded")
    bench.say(f"(i) writing {shelves:,} shelves of {recorded.WIDTH} items")
    recorded.write(folder, shelves, DAYS, USERS)
    return [*_folder(bench, folder, shelves), *_beside(bench, folder)]


def _folder(bench: Bench, folder: Path, shelves: int) -> list[Figure]:
    since = recorded.FIRST_DAY.date()
    wall, cpu, peak, load = [], [], [], os.getloadavg()[0]
    for _ in range(bench.pick(5, 2)):
        started = time.monotonic()
        told = bench.run(
            ".evaluate_folder", str(folder), str(since), str(since + timedelta(days=DAYS)), settings=bench.settings
        )
        wall.append(time.monotonic() - started)
        cpu.append(told["cpu"])
        peak.append(told["peak"] / 2**30)
        bench.say(f"(i) {wall[-1]:.1f} s, {cpu[-1]:.1f} s of processor, {peak[-1]:.2f} GiB")
    size = sum(path.stat().st_size for path in folder.glob("day=*/*")) / 1e6
    what = f"{shelves:,} shelves, {USUAL.replicates} replicates"
    note = f"{DAYS} days, {USERS:,} users, {size:,.0f} MB of Parquet; the load before was {load:.1f}"
    return [
        Figure(PART, f"evaluate {what}: the whole process, at most", "seconds", tuple(wall), most=SECONDS, note=note),
        Figure(PART, "its processor time, both cores together", "seconds", tuple(cpu)),
        Figure(PART, "its peak memory, at most", "GiB", tuple(peak), most=GIB),
    ]


def _beside(bench: Bench, folder: Path) -> list[Figure]:
    count, rounds = bench.pick(100_000, 20_000), bench.pick(9, 5)
    bench.say(f"(i) measures of {count:,} shelves, ours and ranx's")
    told = bench.run(
        ".measures_beside",
        str(folder),
        str(recorded.FIRST_DAY.date()),
        str(count),
        str(rounds),
        settings=bench.settings,
    )
    rates = {who: tuple(count / seconds for seconds in told[who]) for who in ("ours", "ranx")}
    times = tuple(one / other for one, other in zip(rates["ours"], rates["ranx"], strict=True))
    what = "nDCG@5, P@1, P@3, MRR@10"
    return [
        Figure(PART, f"{what}: shelves a second", "1/s", rates["ours"], note=f"{count:,} shelves with a relevant item"),
        Figure(PART, "the same, ranx", "1/s", rates["ranx"], note="compiled, its qrels and runs made and sorted"),
        Figure(PART, "ours over ranx's, round by round", "times", times, 1.0),
    ]
