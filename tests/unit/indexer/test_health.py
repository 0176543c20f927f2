"""What `/health` of an index worker says, and when it says that the worker must be restarted."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from workers.indexer import health
from workers.indexer.availability import Absence
from workers.indexer.health import HealthState, WorkerIdentity, health_report, report_by_loop
from workers.indexer.liveness import Progress
from workers.process.failure_policy import STALL_SECONDS

NOW = 10_000.0
LONG_AGO = NOW - STALL_SECONDS - 1
WHO = WorkerIdentity("small@0123456789ab", "listings_small_0123456789ab", NOW - 60)
BUSY = HealthState(Progress(7, NOW, NOW - 2), [0, 1], 0)


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        (BUSY, "running", None),
        (replace(BUSY, partitions=None), "starting", None),
        (replace(BUSY, partitions=[]), "running", None),
        (HealthState(Progress(7, NOW, LONG_AGO), [0], 0), "stalled", "7 events are in hand"),
        (HealthState(Progress(0, LONG_AGO, LONG_AGO), [0], 5), "stalled", "5 records wait in Kafka"),
        (
            HealthState(
                Progress(7, NOW, LONG_AGO, (Absence("milvus", NOW - 90, "code 1"), Absence("kafka", NOW - 5))), [0], 0
            ),
            "waiting",
            "milvus has been away for 90 s (code 1); kafka has been away for 5 s",
        ),
    ],
)
def test_state(seen: HealthState, state: str, why: str | None) -> None:
    """More workers than partitions leave one idle, and that is running; waiting is not being stuck."""
    found = health_report(NOW, WHO, seen)
    assert found["state"] == state
    assert found["why"] is None if why is None else why in found["why"]


def test_what_the_person_on_call_reads() -> None:
    """The names are what dashboards build on."""
    assert health_report(NOW, WHO, BUSY) == {
        "state": "running",
        "why": None,
        "in_hand": 7,
        "waiting": 0,
        "seconds_since_progress": 2.0,
        "partitions": [0, 1],
        "model": "small@0123456789ab",
        "collection": "listings_small_0123456789ab",
        "seconds_up": 60.0,
    }


def test_a_blocked_event_loop_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document comes from the loop; while it is blocked there is none, so the supervisor ends the worker."""
    monkeypatch.setattr(health, "REQUEST_SECONDS", 0.1)

    async def scenario() -> None:
        report = report_by_loop(WHO, lambda: BUSY)
        assert (await asyncio.to_thread(report))["model"] == WHO.model
        with ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError):
            pool.submit(report).result()  # this blocks the loop

    asyncio.run(scenario())
