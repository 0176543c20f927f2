"""The back-off: growing delays with a limit, and an end at once when the process stops."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from streams.errors import SlowDown
from workers.process.retry import BackOff, FailedAttempt, Stopped, retry_until_stopped


class Delays(threading.Event):
    """An event that records how long it is waited for, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """At once."""
        self.seconds.append(timeout or 0.0)
        return self.is_set()


def failing(times: int, error: Exception) -> Callable[[], str]:
    """A call that raises so often, and then returns."""
    left = [error] * times

    def call() -> str:
        if left:
            raise left.pop()
        return "done"

    return call


def test_delays_grow_up_to_a_limit() -> None:
    """Each is reported before it begins; the jitter makes a delay shorter, never longer."""
    delays, reported = Delays(), list[FailedAttempt]()
    back_off = BackOff(first=0.1, longest=5.0, jitter=0.2)
    assert retry_until_stopped(failing(9, SlowDown("away")), delays, reported.append, back_off=back_off) == "done"
    most = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert all(0.8 * limit <= seconds <= limit for seconds, limit in zip(delays.seconds, most, strict=True))
    assert [each.seconds for each in reported] == delays.seconds
    assert [each.number for each in reported] == list(range(1, 10))
    assert str(reported[0].error) == "away"


def test_a_service_may_say_when_to_come_back() -> None:
    """Its own delay counts, also if it is longer than ours."""
    delays = Delays()
    retry_until_stopped(failing(1, SlowDown("busy", retry_after=30.0)), delays, lambda _: None)
    assert delays.seconds == [30.0]


def test_a_stop_ends_a_delay_at_once() -> None:
    """There is no further attempt: it could take its full timeout."""
    stop, attempts = threading.Event(), list[int]()

    def call() -> None:
        attempts.append(1)
        raise SlowDown("away", retry_after=60.0)

    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        retry_until_stopped(call, stop, lambda _: None)
    assert time.monotonic() - began < 30
    assert attempts == [1]


def test_one_attempt_is_made_even_after_a_stop() -> None:
    """A write in progress is finished."""
    stop = threading.Event()
    stop.set()
    assert retry_until_stopped(failing(0, SlowDown("away")), stop, lambda _: None) == "done"
    with pytest.raises(Stopped):
        retry_until_stopped(failing(1, SlowDown("away")), stop, lambda _: None)


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "full"), KeyError("k")])
def test_other_errors_are_raised_as_they_are(error: Exception) -> None:
    """At once, without a delay; `retryable` chooses which are others."""
    delays: Any = Delays()
    with pytest.raises(type(error)) as raised:
        retry_until_stopped(failing(1, error), delays, lambda _: None)
    assert raised.value is error
    assert delays.seconds == []
    is_full: Callable[[BaseException], bool] = lambda each: isinstance(each, OSError)  # noqa: E731
    if is_full(error):
        assert retry_until_stopped(failing(1, error), delays, lambda _: None, retryable=is_full) == "done"
