"""Retries with exponential back-off: the one policy of every process for a service that is unavailable."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from streams.errors import SlowDown

Result = TypeVar("Result")


class Stopped(Exception):
    """The process is stopping: what is unfinished is left to the next one."""


@dataclass(frozen=True)
class BackOff:
    """The delays between two attempts: doubled up to the longest, so that recovery is noticed within that time."""

    first: float = 0.1
    """Seconds."""
    longest: float = 5.0
    """Seconds."""
    jitter: float = 0.2
    """Up to this share is taken from a delay, so that workers do not ask a recovering service all at once."""


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that failed and will be repeated."""

    number: int
    """The number of attempts so far."""
    error: BaseException
    seconds: float
    """The delay until the next one."""


def is_unavailable(error: BaseException) -> bool:
    """Whether a service is unavailable for now."""
    return isinstance(error, SlowDown)


def retry_until_stopped(
    call: Callable[[], Result],
    stop: threading.Event,
    on_failure: Callable[[FailedAttempt], None],
    *,
    retryable: Callable[[BaseException], bool] = is_unavailable,
    back_off: BackOff = BackOff(),
) -> Result:
    """The result of `call`, which is repeated, without a limit, while it raises what is `retryable`.

    `call` is attempted once even if `stop` is set. A `SlowDown` that says when to come back (`retry_after`) sets the
    delay itself. `on_failure` is called before each delay. Raises Stopped as soon as `stop` is set during a delay, with
    no further attempt, and any other error of `call` at once. Blocks the calling thread.
    """

    exponential = wait_exponential(multiplier=back_off.first, max=back_off.longest)

    def delay(state: RetryCallState) -> float:
        if retry_after := getattr(_error(state), "retry_after", None):
            return float(retry_after)
        return exponential(state) * random.uniform(1 - back_off.jitter, 1)  # noqa: S311 - no secret

    def sleep(seconds: float) -> None:
        # Not tenacity's `sleep_using_event`: after a stop it makes one more attempt, which may take its full timeout.
        if stop.wait(seconds):
            raise Stopped

    def before_sleep(state: RetryCallState) -> None:
        on_failure(FailedAttempt(state.attempt_number, _error(state), state.upcoming_sleep))

    retrying = Retrying(retry=retry_if_exception(retryable), wait=delay, sleep=sleep, before_sleep=before_sleep)
    return retrying(call)


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    assert error is not None  # noqa: S101 - told to the type checker: it is retried for its error
    return error
