"""The options of an index worker, and its capacity: the bounds of its queues, batches and decoders."""

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from streams.skipped_records import NONE, Skips
from workers.images.limits import ImageLimits
from workers.models.device import Device
from workers.process.failure_policy import FailurePolicy
from workers.process.options import MetricsOptions, ProcessOptions

MIN_DECODERS, MAX_DECODERS = 2, 8
"""Beyond eight decoder processes, the transfer of pictures costs the encoder more than they gain."""


def decoders_for(cores: int) -> int:
    """The default number of decoder processes: one for every two cores."""
    return max(MIN_DECODERS, min(cores // 2, MAX_DECODERS))


def _cores() -> int:
    """The cores that this process may use, if the system reports them; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Capacity:
    """The bounds of the pipeline. Together they bound its memory."""

    max_in_flight: Annotated[
        int, typer.Option("--in-hand", min=1, help="Events in flight, at most: accepted and not finished.")
    ] = 2_000
    """Also the most that are processed again after a kill."""
    picture_slots: int = 96
    """Events between the start of their fetch and the encoder: three batches of 32, so that the encoder never waits."""
    read_batch: int = 500
    """The largest batch that is planned, or written, at a time, in events."""
    idle_wait_seconds: float = 0.01
    """How long a partial batch waits for more events."""
    max_delayed: Annotated[
        int, typer.Option("--waiting", min=1, help="Events in the delay queue, at most: read, and not due for a retry.")
    ] = 10_000
    """About 2 kB each. At this number the retry topic is paused."""
    max_delayed_bytes: int = 32_000_000
    """Bytes of their keys, values and headers: large values can't fill the memory either."""
    decoders: Annotated[
        int,
        typer.Option(min=0, max=64, help="Processes that decode pictures; 0: one for every two cores, from 2 to 8."),
    ] = 0
    """After construction the number itself: 0 is replaced by the default of this machine."""

    def __post_init__(self) -> None:
        if not self.decoders:
            object.__setattr__(self, "decoders", decoders_for(_cores()))


@dataclass(frozen=True)
class IndexerOptions:
    """The options of an index worker from the command line, beyond the settings."""

    model: Annotated[
        str,
        typer.Option(help="A model folder, or a Hugging Face id org/name@revision; by default LOOKALIKE_MODEL."),
    ] = ""
    device: Annotated[Device, typer.Option(help="Where the encoder runs; auto: the fastest there is.")] = "auto"
    batch_size: Annotated[int, typer.Option(min=1, max=1_024, help="Pictures in one call of the encoder.")] = 32
    capacity: Capacity = Capacity()
    limits: ImageLimits = ImageLimits()  # noqa: RUF009 - a frozen value
    failure_policy: FailurePolicy = FailurePolicy()  # noqa: RUF009 - a frozen value
    metrics: MetricsOptions = MetricsOptions()  # noqa: RUF009 - a frozen value
    accept_offsets: Annotated[
        bool,
        typer.Option(
            "--accept-offsets",
            help="Start at the earliest offset if the group's committed offset is no longer valid; once, by hand, and "
            "then run `lookalike audit`: events may have been missed.",
        ),
    ] = False
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Read the log again from its start, for collections that were dropped or restored; once, by hand, "
            "while no other index worker runs.",
        ),
    ] = False
    skips: Skips = NONE
    process: ProcessOptions = ProcessOptions()  # noqa: RUF009 - a frozen value
