"""The options of an evaluator."""

from dataclasses import dataclass
from typing import Annotated

import typer

from workers.process.options import MetricsOptions, ProcessOptions


@dataclass(frozen=True)
class EvaluatorOptions:
    """The options of an evaluator from the command line, beyond the settings."""

    once: Annotated[bool, typer.Option("--once", help="Do one round, then end with exit status 0.")] = False
    days: Annotated[int, typer.Option(min=1, max=366, help="Days that a report covers: the newest of them.")] = 28
    niches: Annotated[
        tuple[str, ...],
        typer.Option("--niche", metavar="PATH", help="A category that gets figures of its own; may be repeated."),
    ] = ()
    interval: Annotated[
        float, typer.Option("--every", min=1, max=3_600, help="Seconds from the end of a round to the next.")
    ] = 15.0
    metrics: MetricsOptions = MetricsOptions()  # noqa: RUF009 - a frozen value
    process: ProcessOptions = ProcessOptions()  # noqa: RUF009 - a frozen value
