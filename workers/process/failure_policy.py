"""The failure policy: limits on dead letters that end a process, retry delays and stall timeout."""

from dataclasses import dataclass
from typing import Annotated

import typer

STALL_SECONDS = 240.0
"""Longer than any one event may take: four attempts of 20 s to fetch its picture, with the waits between them."""


@dataclass(frozen=True)
class DeadLetterPolicy:
    """When dead letters are so many that the fault is probably ours."""

    max_consecutive_dead_letters: Annotated[
        int,
        typer.Option("--letters-in-a-row", min=0, help="Consecutive dead letters that end the process; 0: no limit."),
    ] = 100
    """Of ten parties at least. Bad messages come one by one or from one party; a bad release gives them to all."""
    max_dead_letter_ratio: Annotated[
        float,
        typer.Option(
            "--letters-ratio",
            min=0,
            max=1,
            help="Share of dead letters among the last 400 events that ends the process; 0: no limit.",
        ),
    ] = 0.5
    """Among the last `dead_letter_window` results."""
    dead_letter_window: int = 400
    """Long enough that 200 dead letters are half of it: a seller's folder of bad pictures is shorter."""


@dataclass(frozen=True)
class FailurePolicy(DeadLetterPolicy):
    """What happens to events that can't be processed now, or ever."""

    retry_delays: Annotated[
        tuple[float, ...],
        typer.Option(
            min=0,
            max=86_400,
            help="Seconds, such as 10,60,3600: delays between attempts at an event whose image host is unavailable.",
        ),
    ] = (10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)
    """Growing; after the last it is a dead letter: 8.6 hours in all, a night's outage of a host, and well below the
    seven days that the retry topic keeps."""
    young_seconds: float = 900.0
    """An event is young for so long after its record's timestamp: it may have overtaken its picture on the way."""
    young_delays: Annotated[
        tuple[float, ...],
        typer.Option(
            min=0,
            max=86_400,
            help="Seconds, such as 5,20,60: delays between attempts at a picture that is not there yet, "
            "of an event less than 15 minutes old.",
        ),
    ] = (5.0, 20.0, 60.0)
    """A picture that is not there yet: 404, 403, 202, an empty body, HTML. After the last delay, or if the event is not
    young, it is a dead letter."""
    jitter: float = 0.2
    """Up to this share is added to a delay, so that events requeued together are not retried together."""
    longest_wait: float = 21_600.0
    """Seconds; a host that asks us to wait longer (Retry-After) is asked again after this."""
    stall_seconds: Annotated[
        float,
        typer.Option(
            min=1,
            help="Seconds without any progress, while no service is unavailable, after which the worker ends.",
        ),
    ] = STALL_SECONDS
    """Then the worker ends, to be restarted by its supervisor."""
