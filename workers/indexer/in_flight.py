"""Backpressure: a bound on the events in flight. While it is reached, nothing more is taken from the stream."""

import asyncio
import threading
import time


class InFlight:
    """Counts the events in flight. `acquire` waits on the event loop; `release` is thread-safe."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._taken = 0
        self.acquired_at = self.progress_at = time.monotonic()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def count(self) -> int:
        """The number of events in flight."""
        return self._taken

    async def acquire(self) -> None:
        """Add one event; waits while the capacity is used up."""
        while True:
            with self._lock:
                if self._taken < self.capacity:
                    self.acquired_at = time.monotonic()
                    if self._taken == 0:
                        self.progress_at = self.acquired_at
                    self._taken += 1
                    return
                freed = asyncio.Event()
                self._waiting.append((asyncio.get_running_loop(), freed))
            await freed.wait()

    def release(self) -> None:
        """Remove one event, and wake whoever waits."""
        with self._lock:
            self._taken -= 1
            self.progress_at = time.monotonic()
            waiting, self._waiting = self._waiting, []
        for loop, freed in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(freed.set)
