"""The stage threads: each repeats one step; the first failure of any stops all."""

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from workers.indexer.availability import Availability
from workers.indexer.config import Capacity
from workers.process.retry import FailedAttempt, Result, Stopped, retry_until_stopped

Item = TypeVar("Item")

Step = Callable[[], None]
"""One pass of a stage: takes a batch from its queue, processes it, and returns.

Called repeatedly, always from the stage's own thread, until `Stages.stop`; so its state needs no lock. It may block:
up to `POLL_SECONDS` for input, then as long as its batch takes, and without limit in `retry_while_unavailable`.
It may raise: Stopped, which ends the thread quietly; anything else ends the worker. So a SlowDown must be retried and a
BadMessage dead-lettered within the step. Events that it has taken and not settled are read again by the next worker.
"""

POLL_SECONDS = 0.05
"""The longest wait for input, and so the delay of a stop."""

_log = structlog.get_logger(__name__)


class Stages:
    """Starts and stops the threads, and reports the failure that ends them."""

    def __init__(
        self, capacity: Capacity, on_failure: Callable[[BaseException], None], availability: Availability | None = None
    ) -> None:
        self.capacity = capacity
        self.stopping = threading.Event()
        self.availability = availability or Availability()
        self._on_failure = on_failure
        self._threads: list[threading.Thread] = []

    def run(self, name: str, step: Step) -> None:
        """Repeat `step` on a thread of its own until `stop`."""

        def loop() -> None:
            try:
                while not self.stopping.is_set():
                    step()
            except Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported and ends the worker
                self.fail(error)

        thread = threading.Thread(target=loop, name=f"index-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def fail(self, error: BaseException) -> None:
        """Stop all threads and report an unexpected error: the process must end."""
        self.stopping.set()
        self._on_failure(error)

    def retry_while_unavailable(self, what: str, call: Callable[[], Result]) -> Result:
        """The result of `call`, retried while it raises SlowDown; `what` is then reported as unavailable.

        Raises as `retry_until_stopped`: Stopped on `stop`.
        """
        attempts = 0

        def on_failure(failed: FailedAttempt) -> None:
            nonlocal attempts
            attempts, why = failed.number, str(failed.error)[:300]
            self.availability.away(what, why)
            _log.warning("waiting", on=what, error=why, tries=attempts, seconds=round(failed.seconds, 2))

        try:
            result = retry_until_stopped(call, self.stopping, on_failure)
            if attempts:
                _log.info("back", on=what, tries=attempts)
            return result
        finally:  # any other error is an answer too
            if attempts:
                self.availability.back(what)

    def stop(self, seconds: float) -> bool:
        """Wait for each thread to finish its step, at most `seconds` in all; returns whether all have."""
        self.stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


def drain_batch(source: "queue.SimpleQueue[Item]", limit: int, *, wait: float = 0.0) -> list[Item]:
    """Up to `limit` items: those ready now and, if fewer, those that arrive within `wait` seconds.

    Waits up to `POLL_SECONDS` for the first; returns an empty list if none comes.
    """
    try:
        items = [source.get(timeout=POLL_SECONDS)]
    except queue.Empty:
        return []
    deadline = time.monotonic() + wait
    while len(items) < limit:
        try:
            items.append(source.get_nowait())
        except queue.Empty:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                items.append(source.get(timeout=left))
            except queue.Empty:
                break
    return items
