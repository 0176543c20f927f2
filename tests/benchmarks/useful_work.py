"""(b) What the worker costs where the encoder costs nothing, beside fetching, hashing, decoding and resizing alone."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .bench import Bench
from .events import Outcomes, listings, publish, rate
from .processes import Running
from .report import Figure

AIM = 0.6
PART = "b"
WARM_UP = 64
"""Listings before the first round: connections, lazy imports, the collection's first segment."""


@dataclass(frozen=True)
class Round:
    """One round: both sides right after each other, on the same pictures from the same server."""

    alone_ms: float
    """Processor milliseconds a picture."""
    worker_ms: float
    """Processor milliseconds a listing, of which each has one picture."""
    alone_rate: float
    worker_rate: float
    threads: Counter[str]
    """Processor milliseconds a listing by thread of the worker."""


def measure(bench: Bench) -> list[Figure]:
    """Rounds of alone, then worker; the useful share is taken within each."""
    count = bench.pick(600, 200)
    settings = bench.catalogue()
    rounds = []
    with bench.worker(settings, "free") as (worker, report), Outcomes(settings) as outcomes:
        publish(settings, listings(bench.images, range(WARM_UP)))
        outcomes.next(WARM_UP)
        names = report.with_suffix(".threads")
        for number in range(bench.pick(5, 2)):
            first = 1_000 * (number + 1)
            alone = bench.run(".alone", bench.images, str(first), str(count), settings=settings)
            before, threads_before = worker.cpu(), worker.cpu_by_thread(names)
            publish(settings, listings(bench.images, range(first, first + count)))
            told = outcomes.next(count)
            spent = worker.cpu() - before
            threads = _a_listing(worker, threads_before, names, count)
            rounds.append(
                Round(
                    alone["cpu"] / alone["pictures"] * 1_000,
                    spent / count * 1_000,
                    alone["pictures"] / alone["wall"],
                    rate(told),
                    threads,
                )
            )
            bench.say(f"(b) alone {rounds[-1].alone_ms:.1f} ms, worker {rounds[-1].worker_ms:.1f} ms of processor time")
    return _figures(rounds, count)


def _a_listing(worker: Running, before: Counter[str], names: Path, count: int) -> Counter[str]:
    spent = worker.cpu_by_thread(names)
    spent.subtract(before)
    return Counter({name: seconds / count * 1_000 for name, seconds in spent.items()})


def _figures(rounds: list[Round], count: int) -> list[Figure]:
    note = f"{count} listings a round"
    share = Figure(PART, "useful share: alone / worker", "share", tuple(r.alone_ms / r.worker_ms for r in rounds), AIM)
    figures = [
        Figure(PART, "listings, free encoder", "1/s", tuple(r.worker_rate for r in rounds), note=note),
        Figure(PART, "pictures, alone", "1/s", tuple(r.alone_rate for r in rounds), note=note),
        Figure(PART, "worker's processor time a listing", "ms", tuple(r.worker_ms for r in rounds)),
        Figure(PART, "alone, processor time a picture", "ms", tuple(r.alone_ms for r in rounds)),
        share,
    ]
    if share.median < AIM:
        total: Counter[str] = Counter()
        for each in rounds:
            total.update(each.threads)
        figures += [
            Figure(PART, f"  of which thread {name}", "ms", tuple(each.threads[name] for each in rounds))
            for name, spent in total.most_common(8)
            if spent > 0
        ]
    return figures
