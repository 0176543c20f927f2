"""(a) How busy the encoder is kept, by the pipeline and by two plain agents; pictures take 30 ms to arrive."""

from typing import Any

from .bench import Bench, read_report
from .events import Outcomes, listings, publish
from .plain_agents import BATCH
from .report import Figure

AIM = 0.95
PART = "a"


def measure(bench: Bench) -> list[Figure]:
    """The encoder is busy 20 ms a call and 10 ms a picture; nothing reaches more than 1 / (20 / 32 + 10) ms = 94/s."""
    pipeline = [_pipeline(bench, bench.pick(1_500, 400)) for _ in range(bench.pick(3, 1))]
    runs = bench.pick(2, 1)
    one = [_plain(bench, "one", bench.pick(150, 60)) for _ in range(runs)]
    batch = [_plain(bench, "batch", BATCH * bench.pick(15, 6)) for _ in range(runs)]
    return [
        *_figures("the pipeline", pipeline, AIM),
        *_figures("a plain agent, one at a time", one, None),
        *_figures(f"a plain agent, {BATCH} at a time", batch, None),
    ]


def _pipeline(bench: Bench, count: int) -> dict[str, Any]:
    settings = bench.catalogue()
    with bench.worker(settings, "gpu") as (_worker, report), Outcomes(settings) as outcomes:
        publish(settings, listings(bench.images, range(count)))
        outcomes.next(count)
    return _told(bench, "the pipeline", read_report(report))


def _plain(bench: Bench, kind: str, count: int) -> dict[str, Any]:
    settings = bench.catalogue()
    publish(settings, listings(bench.images, range(count)))
    return _told(bench, f"plain, {kind}", bench.run(".plain_agents", kind, str(count), settings=settings))


def _told(bench: Bench, what: str, used: dict[str, Any]) -> dict[str, Any]:
    bench.say(f"(a) {what}: busy {used['share']:.3f}, {used['pictures'] / used['calls']:.1f} pictures a call")
    return used


def _figures(who: str, used: list[dict[str, Any]], aim: float | None) -> list[Figure]:
    note = f"{used[0]['pictures']} listings a run, {used[0]['pictures'] / used[0]['calls']:.1f} pictures a call"
    rates = tuple(each["pictures"] / (each["last"] - each["first"]) for each in used)
    return [
        Figure(PART, f"encoder busy, {who}", "share", tuple(each["share"] for each in used), aim, note),
        Figure(PART, f"pictures encoded, {who}", "1/s", rates),
    ]
