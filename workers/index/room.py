"""Back-pressure: a bound on the events in hand. When it is reached, nothing more is taken from the stream."""

import asyncio
import threading
import time


class Room:
    """Counts what is in hand; `take` waits on the event loop, `give` may be called from any thread."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._taken = 0
        self.taken_at = self.progress_at = time.monotonic()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def taken(self) -> int:
        """How many events are in hand."""
        return self._taken

    async def take(self) -> None:
        """Count one more event; waits while the capacity is used up."""
        while True:
            with self._lock:
                if self._taken < self.capacity:
                    self.taken_at = time.monotonic()
                    if self._taken == 0:
                        self.progress_at = self.taken_at
                    self._taken += 1
                    return
                freed = asyncio.Event()
                self._waiting.append((asyncio.get_running_loop(), freed))
            await freed.wait()

    def give(self) -> None:
        """One event is no longer in hand."""
        with self._lock:
            self._taken -= 1
            self.progress_at = time.monotonic()
            waiting, self._waiting = self._waiting, []
        for loop, freed in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(freed.set)
