"""When a worker that has work and gets none of it done is called stuck."""

import threading
from collections.abc import Callable

import pytest

from workers.indexer.availability import Absence, Availability
from workers.indexer.liveness import Progress, Reading, needs_lag, stalled, stalled_twice
from workers.process.failure_policy import STALL_SECONDS

NOW = 10_000.0
LONG_AGO = NOW - STALL_SECONDS - 1


@pytest.mark.parametrize(
    ("seen", "lag", "stuck"),
    [
        pytest.param(Progress(0, NOW, NOW), 0, False, id="idle, since just now"),
        pytest.param(Progress(0, LONG_AGO, LONG_AGO), 0, False, id="idle for long, and nothing waits in Kafka"),
        pytest.param(Progress(0, LONG_AGO, LONG_AGO), 5, True, id="records wait, and none was fetched for long"),
        pytest.param(Progress(0, NOW - 1, LONG_AGO), 5, False, id="records wait, but one came a second ago"),
        pytest.param(Progress(7, NOW, LONG_AGO), 0, True, id="events in hand, and none was finished for long"),
        pytest.param(Progress(7, LONG_AGO, NOW - 1), 0, False, id="events in hand, and one was finished just now"),
        pytest.param(Progress(7, NOW, LONG_AGO, (Absence("milvus", LONG_AGO),)), 5, False, id="Milvus is away"),
    ],
)
def test_stalled(seen: Progress, lag: int, *, stuck: bool) -> None:
    """Work in hand or in Kafka, none of it done for longer than any event may take, and nothing outside away."""
    assert (stalled(NOW, seen, lag) is not None) == stuck


def test_the_broker_is_asked_only_when_it_matters() -> None:
    """The lag costs calls to the broker: only a worker that has been idle for long needs it."""
    assert needs_lag(NOW, Progress(0, LONG_AGO, NOW))
    assert not needs_lag(NOW, Progress(0, NOW - 1, NOW))
    assert not needs_lag(NOW, Progress(1, LONG_AGO, NOW))


IDLE = Progress(0, LONG_AGO, LONG_AGO)
STUCK = Reading(NOW, IDLE, 5)


@pytest.mark.parametrize(
    ("before", "now", "stuck"),
    [
        pytest.param(None, STUCK, False, id="one reading is no proof"),
        pytest.param(STUCK, Reading(NOW + 15, IDLE, 5), True, id="the same finding twice"),
        pytest.param(Reading(NOW, IDLE), Reading(NOW + 15, IDLE, 5), False, id="the records came just now"),
        pytest.param(STUCK, Reading(NOW + 15, Progress(0, NOW + 1, NOW + 2), 5), False, id="some were fetched between"),
        pytest.param(STUCK, Reading(NOW + 15, Progress(3, NOW + 1, NOW + 1)), False, id="they are in hand now"),
        pytest.param(STUCK, Reading(NOW + 15, IDLE), False, id="Kafka did not answer the second time"),
        pytest.param(
            STUCK,
            Reading(NOW + 15, Progress(0, LONG_AGO, LONG_AGO, (Absence("kafka", NOW),)), 5),
            False,
            id="Kafka went away between",
        ),
        pytest.param(
            Reading(NOW, Progress(7, NOW, LONG_AGO)),
            Reading(NOW + 15, Progress(6, NOW, NOW + 1)),
            False,
            id="a process that was frozen goes on",
        ),
    ],
)
def test_the_same_finding_twice(before: Reading | None, now: Reading, *, stuck: bool) -> None:
    """A healthy idle worker does not end itself because a record came while its lag was read."""
    assert (stalled_twice(before, now) is not None) == stuck


def on_a_thread(call: Callable[[], None]) -> None:
    """Run `call` on a thread of its own."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_the_first_that_returns_does_not_hide_the_other() -> None:
    """One entry for each service and thread: Milvus is away until every thread that waits for it was answered."""
    now = [100.0]
    availability = Availability(lambda: now[0])
    on_a_thread(lambda: availability.away("milvus", "code 1"))
    now[0] = 110.0
    availability.away("milvus", "code 2")
    availability.away("kafka", "no answer", since=105.0)
    assert [(each.service, each.since) for each in availability.absences()] == [("milvus", 100.0), ("kafka", 105.0)]
    availability.back("kafka")
    availability.back("milvus")
    assert availability.absences() == (Absence("milvus", 100.0, "code 1"),)
    assert availability.recovered_at < 0
    availability.back("milvus")  # this thread has no entry any more: the other's is not its own to take away
    assert availability.absences()


def test_recovery_restarts_the_clock() -> None:
    """The last that returns gives the worker its full time again, whatever the order."""
    now = [100.0]
    availability = Availability(lambda: now[0])
    availability.away("milvus")
    now[0] = 300.0
    availability.away("kafka")
    now[0] = 400.0
    availability.back("milvus")
    assert availability.recovered_at < 0
    now[0] = 700.0
    availability.back("kafka")
    assert availability.recovered_at == 700.0
    assert availability.absences() == ()
