"""The options of an index worker, and its capacity: the bounds of its queues, batches and decoders."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.skipped_records import NONE, Skips
from workers.images.limits import ImageLimits
from workers.process.failure_policy import FailurePolicy

if TYPE_CHECKING:
    from workers.models.encoder import Device  # torch is not needed to decode

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

    max_in_flight: int = 2_000
    """Events accepted and not finished; also the most that are processed again after a kill."""
    picture_slots: int = 96
    """Events between the start of their fetch and the encoder: three batches of 32, so that the encoder never waits."""
    decoders: int = decoders_for(_cores())
    read_batch: int = 500
    """The largest batch that is planned, or written, at a time, in events."""
    idle_wait_seconds: float = 0.01
    """How long a partial batch waits for more events."""
    max_delayed: int = 10_000
    """Events of the retry topic that are read and not due yet, about 2 kB each. At this number the topic is paused."""
    max_delayed_bytes: int = 32_000_000
    """Bytes of their keys, values and headers: large values can't fill the memory either."""


@dataclass(frozen=True)
class IndexerOptions:
    """The options of an index worker from the command line, beyond the settings."""

    model: str = ""
    device: "Device" = "auto"
    batch_size: int = 32
    capacity: Capacity = Capacity()
    limits: ImageLimits = ImageLimits()  # noqa: RUF009 - a frozen value
    failure_policy: FailurePolicy = FailurePolicy()  # noqa: RUF009 - a frozen value
    ready_file: Path | None = None
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    accept_offsets: bool = False
    rebuild: bool = False
    skips: Skips = NONE
    grace: float = 15.0
    """Seconds from SIGTERM to the end of the process."""
