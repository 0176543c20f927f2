"""(f) How soon a takedown is out of the answers, and how soon its row is gone: workers down, then up, behind a backlog.

Each time is from the start of the command `lookalike takedown`: its own second is part of what people wait for.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import quantiles

from streams.errors import NotFound
from streams.settings import Settings
from workers.local.environment import child_environment
from workers.milvus.client import connect
from workers.milvus.collection import live
from workers.milvus.neighbors import SearchOptions
from workers.milvus.store import Store
from workers.operations.search import Asker

from .bench import Bench
from .events import Outcomes, listings, publish
from .processes import Failed
from .report import Figure

AIM_SECONDS = 60.0


def measure(bench: Bench) -> list[Figure]:
    """Index some, stop the worker, publish a backlog, take down one by one; then the same with a worker behind it."""
    settings, times = bench.catalogue(), bench.pick(20, 4)
    stock = [each.listing_id for each in listings(bench.images, range(2 * times + 20), tiny=True)]
    with bench.worker(settings, "free"), Outcomes(settings) as outcomes:
        publish(settings, listings(bench.images, range(len(stock)), tiny=True))
        outcomes.next(len(stock))
    backlog = bench.backlog
    taken = publish(settings, listings(bench.images, range(1_000, 1_000 + backlog), tiny=True))
    bench.say(f"(f) {len(stock)} indexed, the worker stopped, {backlog} published in {taken:.0f} s; {times} takedowns")
    with contextlib.closing(Asker(settings)) as asker:
        asker.by_listing(stock[-1], SearchOptions())

        def out(listing_id: str) -> float:
            return _take_down(settings, listing_id, partial(_hidden, asker, listing_id))

        down = [out(each) for each in stock[:times]]
        fresh = [_fresh(settings, each) for each in stock[:times]]
        with bench.worker(settings, "gpu"):
            up = [out(each) for each in stock[times : 2 * times]]
            rows = [_take_down(settings, each, partial(_gone, settings, each)) for each in stock[2 * times :]]
    return [
        _figure("out of a follower's answers, workers down", down),
        _figure("a fresh process: how long its answer takes, all of it", fresh),
        _figure(f"out of a follower's answers, worker {backlog:,} events behind", up),
        _figure(f"its row is gone, worker {backlog:,} events behind", rows),
    ]


def _figure(name: str, seconds: list[float]) -> Figure:
    cut = quantiles(seconds, n=100, method="inclusive")
    note = f"p50 {cut[49]:.2f}, p99 {cut[98]:.2f}; aim p99 ≤ {AIM_SECONDS:g} s"
    return Figure("f", name, "s", tuple(seconds), note=note)


def _take_down(settings: Settings, listing_id: str, done: Callable[[], bool]) -> float:
    """Seconds from the start of the command until `done`."""
    started = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "takedown", "--listing", listing_id, "--json"],
        env=child_environment(settings),
        stdout=subprocess.DEVNULL,
    )
    while not done():
        if time.perf_counter() - started > 2 * AIM_SECONDS:
            raise Failed(f"{listing_id} was taken down and is shown all the same")
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    if command.wait(30):
        raise Failed(f"takedown of {listing_id} ended with {command.returncode}")
    return seconds


def _hidden(asker: Asker, listing_id: str) -> bool:
    try:
        asker.by_listing(listing_id, SearchOptions(k=1))
    except NotFound:
        return True
    return False


def _gone(settings: Settings, listing_id: str) -> bool:
    client = connect(settings)
    current = live(client, settings)
    return current is not None and Store(client, current).known([listing_id])[listing_id].row is None


def _fresh(settings: Settings, listing_id: str) -> float:
    """A process that starts after the takedown must not show it; the seconds of its answer."""
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "workers.cli", "neighbors", listing_id, "--json"],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 1 or ended.stdout:
        raise Failed(f"a fresh process shows {listing_id}: {json.dumps(ended.stdout[:200])} {ended.stderr[-200:]}")
    return time.perf_counter() - started
