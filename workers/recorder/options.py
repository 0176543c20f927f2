"""The options of a recorder."""

from dataclasses import dataclass
from typing import Annotated

import typer

from streams.skipped_records import NONE, Skips
from workers.process.failure_policy import DeadLetterPolicy
from workers.process.options import MetricsOptions, ProcessOptions


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is full; half of it is enough to write, once the batch before is in place."""

    records: Annotated[
        int, typer.Option("--batch-records", min=1, max=1_000_000, help="Records in a batch, at most.")
    ] = 100_000
    size: int = 128_000_000
    """Bytes of values."""
    seconds: Annotated[
        float,
        typer.Option("--batch-seconds", min=0.1, max=60, help="Seconds that a batch collects records, at most."),
    ] = 5.0
    """With the writing and a busy machine, a new record is in a file within 20 s."""


@dataclass(frozen=True)
class RecorderOptions:
    """The options of a recorder from the command line, beyond the settings."""

    once: Annotated[
        bool,
        typer.Option("--once", help="End with exit status 0 when everything that the log has now is in the files."),
    ] = False
    batch_limits: BatchLimits = BatchLimits()
    merge: Annotated[bool, typer.Option("--merge/--no-merge", help="Merge small files each minute.")] = True
    dead_letter_policy: DeadLetterPolicy = DeadLetterPolicy()  # noqa: RUF009 - a frozen value
    metrics: MetricsOptions = MetricsOptions()  # noqa: RUF009 - a frozen value
    accept_offsets: Annotated[
        bool,
        typer.Option(
            "--accept-offsets",
            help="If the files and the group's offsets differ, go on at the end of the files, or at the earliest "
            "offset that the log has; once, by hand: records may have been missed.",
        ),
    ] = False
    skips: Skips = NONE
    process: ProcessOptions = ProcessOptions()  # noqa: RUF009 - a frozen value
