"""The health of an index worker: its document, made of values that the event loop knows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import workers.indexer.metrics  # noqa: F401 - what `/metrics` serves
from workers.indexer.availability import Absence
from workers.indexer.liveness import Progress, stalled
from workers.process.failure_policy import STALL_SECONDS
from workers.process.health_server import REQUEST_SECONDS, HealthReport


@dataclass(frozen=True)
class HealthState:
    """The state of a worker; `partitions` is None before the first assignment."""

    progress: Progress
    partitions: list[int] | None
    lag: int
    """Of its own partitions, found twice with nothing fetched between: see `liveness.stalled_twice`. Else 0."""
    stall_seconds: float = STALL_SECONDS
    """The longest that work may make no progress."""
    delayed: int = 0
    """Events of the retry topic that are not due yet: their lag is intended."""


@dataclass(frozen=True)
class WorkerIdentity:
    """The constant facts of a worker."""

    model: str
    collection: str
    started_at: float
    """`time.monotonic()`."""


def health_report(now: float, worker: WorkerIdentity, state_now: HealthState) -> dict[str, Any]:
    """The document of `/health`; its `state` is starting, running, waiting or stalled.

    Waiting (for Milvus or Kafka) is healthy: a restart would not help.
    """
    progress, why = state_now.progress, None
    if why := stalled(now, progress, state_now.lag, state_now.stall_seconds):
        state = "stalled"
    elif progress.absences:
        state, why = "waiting", "; ".join(_absence_text(now, each) for each in progress.absences)
    else:
        state = "starting" if state_now.partitions is None else "running"
    return {
        "state": state,
        "why": why,
        "in_hand": progress.in_flight,
        "waiting": state_now.delayed,
        "seconds_since_progress": round(now - progress.progress_at, 1),
        "partitions": state_now.partitions,
        "model": worker.model,
        "collection": worker.collection,
        "seconds_up": round(now - worker.started_at, 1),
    }


def _absence_text(now: float, absence: Absence) -> str:
    because = f" ({absence.why})" if absence.why else ""
    return f"{absence.service} has been away for {now - absence.since:.0f} s{because}"


def report_by_loop(worker: WorkerIdentity, state_now: Callable[[], HealthState]) -> HealthReport:
    """A report, for any thread, of the state that the running event loop computes: a blocked loop does not answer."""
    loop = asyncio.get_running_loop()

    async def state() -> HealthState:
        return state_now()

    def report() -> dict[str, Any]:
        seen = asyncio.run_coroutine_threadsafe(state(), loop).result(REQUEST_SECONDS)
        return health_report(time.monotonic(), worker, seen)

    return report
