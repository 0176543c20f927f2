"""(c) A SigLIP of full size and random weights: pictures a second alone, and in the pipeline."""

from pathlib import Path

from workers.local.environment import child_environment

from .bench import Bench
from .events import Outcomes, listings, publish, rate
from .processes import running
from .report import Figure

PART = "c"


def measure(bench: Bench) -> list[Figure]:
    """The encoder's own measurements first; then `lookalike worker index` on a few dozen listings."""
    model = bench.folder / "siglip_b16_256"
    alone = bench.run(
        ".siglip_alone", str(model), "quick" if bench.quick else "usual", settings=bench.settings, seconds=600
    )
    rates: dict[str, list[float]] = alone["rates"]
    bench.say(f"(c) {', '.join(f'{name}: {max(values):.2f} pictures/s' for name, values in rates.items())}")
    figures = [
        Figure(
            PART, f"SigLIP B/16-256 alone, {name}", "1/s", tuple(values),
            note="the encoder's own choice" if name in alone["chosen"] else "",
        )
        for name, values in rates.items()
    ]  # fmt: skip
    best = max(figure.median for figure in figures)
    rate, rest = _in_pipeline(bench, model, bench.pick(96, 48))
    note = f"{rate / best:.2f} of the best alone; {rest}"
    return [*figures, Figure(PART, "SigLIP B/16-256 in the pipeline", "1/s", (rate,), note=note)]


def _in_pipeline(bench: Bench, model: Path, count: int) -> tuple[float, str]:
    settings = bench.catalogue()
    ready = bench.path("siglip.ready")
    arguments = ("worker", "index", "--model", str(model), "--ready-file", str(ready))
    log, environment = ready.with_suffix(".log"), child_environment(settings)
    with (
        running("workers.cli", *arguments, environment=environment, log=log) as worker,
        Outcomes(settings) as outcomes,
    ):
        worker.wait_until(ready.exists, 120)
        publish(settings, listings(bench.images, range(count)))
        told = outcomes.next(count, 600)
    # Outcomes come a batch at a time: the clock runs from the first batch's end, so that batch is left out.
    first = [each for each in told if each.at - told[0].at < 0.25]
    rest = told[len(first) :]
    bench.say(f"(c) pipeline: {count} pictures, {rate(told):.2f}/s from the first outcome to the last")
    if not rest:
        return rate(told), "one batch"
    return len(rest) / (rest[-1].at - first[-1].at), f"{len(rest)} listings after the first batch"
