"""(d) Publishing, price changes that need no picture, and the worker's memory as their number grows."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

from schemas.listing import ListingEvent
from streams.settings import Settings
from workers.local.environment import child_environment

from .bench import Bench, read_report
from .events import Outcomes, Told, listings, price_changes, publish, rate
from .processes import ROOT, Failed, Running
from .report import Figure

PART = "d"
FEW = 1_000
"""Price changes before memory is looked at for the first time."""


def measure(bench: Bench) -> list[Figure]:
    """Publishing into topics that nobody reads, then the worker."""
    events = list(listings(bench.images, range(bench.pick(20_000, 5_000))))
    runs = bench.pick(3, 1)
    published = tuple(len(events) / publish(bench.catalogue(), events) for _ in range(runs))
    bench.say(f"(d) published {max(published):,.0f}/s")
    commanded = tuple(_command(bench, events) for _ in range(runs))
    note = f"{len(events):,} events until all are confirmed"
    return [
        Figure(PART, "published through Publisher", "1/s", published, note=note),
        Figure(PART, "lookalike publish FILE, its start included", "1/s", commanded, note=note),
        *_worker(bench),
    ]


def _command(bench: Bench, events: list[ListingEvent]) -> float:
    file = bench.path("events.jsonl")
    file.write_text("".join(event.model_dump_json(exclude_none=True) + "\n" for event in events))
    command = [sys.executable, "-P", "-m", "workers.cli", "publish", str(file), "--json"]
    environment = {**os.environ, **child_environment(bench.catalogue())}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode or json.loads(done.stdout)["published"] != len(events):
        raise Failed(f"lookalike publish ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return len(events) / seconds


def _worker(bench: Bench) -> list[Figure]:
    settings = bench.catalogue()
    stock = list(listings(bench.images, range(bench.pick(4_750, 2_000)), tiny=True))
    changes, rates, costs, told = bench.pick(20_000, 4_000), [], [], Counter[str]()
    with bench.worker(settings, "free") as (worker, report), Outcomes(settings) as outcomes:
        publish(settings, stock)
        indexed = outcomes.next(len(stock))
        bench.say(f"(d) {len(stock)} listings with tiny pictures indexed, {rate(indexed):.0f}/s")
        memory = []
        for wave in _waves(stock, changes):
            before = worker.cpu()
            done = _change(settings, outcomes, wave)
            told.update(each.outcome["outcome"] + (" encoded" if each.outcome["encoded"] else "") for each in done)
            memory.append((told.total(), _settled(worker)))
            if len(wave) > FEW:
                rates.append(rate(done))
                costs.append((worker.cpu() - before) / len(wave) * 1_000)
            bench.say(f"(d) {told.total():,} price changes, {rate(done):.0f}/s, {memory[-1][1]:.0f} MB")
    encodes = read_report(report)["pictures"] - len(stock)
    (few, first), (many, last) = memory[0], memory[-1]
    shown = ", ".join(f"{count:,} {what}" for what, count in told.most_common())
    return [
        Figure(PART, "listings with tiny pictures, free encoder", "1/s", (rate(indexed),), note=f"{len(stock):,}"),
        Figure(PART, "price changes", "1/s", tuple(rates), note=f"{shown}; a wave touches each listing once"),
        Figure(PART, "worker's processor time a price change", "ms", tuple(costs)),
        Figure(PART, "pictures encoded for price changes", "", (float(encodes),), note="0 is right"),
        Figure(PART, f"worker's memory at {few:,} price changes", "MB", (first,)),
        Figure(PART, f"worker's memory at {many:,} price changes", "MB", (last,)),
        Figure(
            PART, "the difference", "MB", (last - first,), note=f"{(last - first) / (many - few) * 1e6:.0f} B/event"
        ),
    ]


def _waves(stock: list[ListingEvent], changes: int) -> Iterator[list[ListingEvent]]:
    """A few first, then as often all as makes `changes`: a listing once a wave, so that none is folded away."""
    yield price_changes(stock[:FEW], 2)
    left, version = changes - FEW, 3
    while left > 0:
        yield price_changes(stock[:left], version)
        left, version = left - len(stock), version + 1


def _change(settings: Settings, outcomes: Outcomes, wave: list[ListingEvent]) -> list[Told]:
    publish(settings, wave)
    return outcomes.next(len(wave))


def _settled(worker: Running) -> float:
    """Megabytes once the worker has nothing in hand."""
    time.sleep(1.0)
    return worker.rss() / 1e6
