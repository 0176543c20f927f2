"""(c) A SigLIP of full size and random weights: pictures a second alone, and in the pipeline."""

import json
from pathlib import Path

from workers.local.environment import child_environment

from .bench import Bench
from .events import Outcomes, Told, listings, publish
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
            PART,
            f"SigLIP B/16-256 alone, {name}",
            "1/s",
            tuple(values),
            note="the encoder's own choice" if name in alone["chosen"] else "",
        )
        for name, values in rates.items()
    ]
    best = max(figure.median for figure in figures)
    rate, busy, rest = _in_pipeline(bench, model, bench.pick(96, 40))
    return [
        *figures,
        Figure(PART, "SigLIP B/16-256 in the pipeline", "1/s", (rate,), note=f"{rate / best:.2f} of the best alone"),
        Figure(PART, "encoder busy, SigLIP in the pipeline", "share", (busy,), note=rest),
    ]


def _in_pipeline(bench: Bench, model: Path, count: int) -> tuple[float, float, str]:
    """Pictures a second, the share of that time that the encoder was busy, and what they were taken from."""
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
    # The clock runs from the end of the first batch, of one to a few pictures, to the end of the last.
    rest = [each for each in told if _encode_ms(each) != _encode_ms(told[0])]
    seconds = rest[-1].at - max(each.at for each in told if _encode_ms(each) == _encode_ms(told[0]))
    # All of a batch tell the same time in the encoder; two batches hardly ever do, to a tenth of a millisecond.
    busy = sum({_encode_ms(each) for each in rest}) / 1_000
    bench.say(f"(c) pipeline: {len(rest) / seconds:.2f} pictures/s, encoder busy {busy / seconds:.3f}")
    return len(rest) / seconds, busy / seconds, f"{_float_type(log)}; {len(rest)} listings after the first batch"


def _encode_ms(told: Told) -> float:
    return float(told.outcome["stages_ms"]["encode"])


def _float_type(log: Path) -> str:
    """The float type that this worker chose for itself: it tries at each start, and may choose otherwise than alone."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if '"float_type_chosen"' in line)
    return next((str(line["chosen"]).removeprefix("torch.") for line in lines), "float type unknown")
