"""The threads of the pipeline: each repeats one step; the first failure of any ends all, and is kept."""

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from streams.failures import SlowDown
from workers.index.limits import Capacity

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL_SECONDS = 0.05
_BACK_OFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries of a service that is away; the last is repeated, so that recovery is seen within 5 s."""

_log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The pipeline is being stopped: what is in hand is left to the next worker."""


class Stages:
    """Starts the threads, stops them, and keeps the first failure for whoever watches."""

    def __init__(self, capacity: Capacity, on_failure: Callable[[BaseException], None]) -> None:
        self.capacity = capacity
        self.stopping = threading.Event()
        self.away_since: float | None = None
        """`time.monotonic()` since when an outside service has been away; None while none is."""
        self.away = ""
        """Which one."""
        self._on_failure = on_failure
        self._threads: list[threading.Thread] = []

    def run(self, name: str, step: Callable[[], None]) -> None:
        """Repeat `step` on a thread of its own until `stop`."""

        def loop() -> None:
            try:
                while not self.stopping.is_set():
                    step()
            except Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 - whatever it is, it must be seen and must end the worker
                self.fail(error)

        thread = threading.Thread(target=loop, name=f"index-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def fail(self, error: BaseException) -> None:
        """Something that should not happen happened: stop everything; the process must end."""
        self.stopping.set()
        self._on_failure(error)

    def patiently(self, what: str, call: Callable[[], Result]) -> Result:
        """The result of `call`, tried again with growing waits while it raises SlowDown; raises Stopped on `stop`."""
        tries = 0
        while True:
            try:
                result = call()
            except SlowDown as away:
                wait = away.retry_after or _BACK_OFF[min(tries, len(_BACK_OFF) - 1)]
                tries += 1
                self.away_since, self.away = self.away_since or time.monotonic(), what
                _log.warning("waiting", on=what, error=str(away)[:300], tries=tries, seconds=wait)
                if self.stopping.wait(wait):
                    raise Stopped from None
            else:
                if tries:
                    _log.info("back", on=what, tries=tries)
                    self.away_since = None
                return result

    def stop(self, seconds: float) -> bool:
        """Let each thread finish the step that it is in, for `seconds` at most in all; whether all have."""
        self.stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


def take_ready(source: "queue.SimpleQueue[Item]", limit: int, *, wait: float = 0.0) -> list[Item]:
    """Up to `limit` items: what is ready now and, where that is less, what comes within `wait` seconds.

    Waits up to `POLL_SECONDS` for the first; an empty list says that there was none.
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
