"""Threads for queries by picture, shared fairly between visitors: the pictures of one do not block those of others."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workers.images.decode_queue import DecodeQueue
from workers.images.decoder_pool import DecodeCall, DecodeCancelled
from workers.images.limits import DecodeLimits
from workers.server.limits import Unavailable

Result = TypeVar("Result")

_TICK_SECONDS = 0.25
_TOO_MANY_PICTURES = "too many of your pictures at once, or they take long to decode"


class _PictureQuery:
    """One query that is queued or running."""

    def __init__(self) -> None:
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call = DecodeCall()


class PictureExecutor:
    """As `BoundedExecutor`, for work that decodes a picture. For one event loop."""

    def __init__(self, threads: int, max_running: int, limits: DecodeLimits | None = None) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web-pictures")
        self._queue: DecodeQueue[_PictureQuery] = DecodeQueue(
            threads, max_running, limits or DecodeLimits(), elapsed=lambda query, now: query.call.elapsed(now)
        )
        self._max_running = max_running
        self._tasks: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, source: str, work: Callable[[DecodeCall], Result]) -> Result:
        """What `work` returns, run in a thread when it is the turn of its `source`, the visitor.

        `work` is started again if its picture was evicted because it blocked others. Raises Unavailable if too many
        queries are queued and running, or too many of this source.
        """
        if len(self._tasks) >= self._max_running:
            displaced = self._queue.displace(source)
            if displaced is None:
                raise Unavailable("too many requests at once", retry_after=1.0)
            displaced.started.set_exception(Unavailable(_TOO_MANY_PICTURES, retry_after=1.0))
        query = _PictureQuery()
        self._queue.enqueue(source, query)
        self._start_ready()
        # Counted until the thread is free, also if the visitor has disconnected.
        task = asyncio.create_task(self._run(query, work))
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        self._schedule_tick()
        return await asyncio.shield(task)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, query: _PictureQuery, work: Callable[[DecodeCall], Result]) -> Result:
        loop = asyncio.get_running_loop()
        while True:
            await query.started
            try:
                result = await loop.run_in_executor(self._threads, work, query.call)
            except DecodeCancelled:
                self._queue.requeue(query, time.monotonic())
                query.call, query.started = DecodeCall(), loop.create_future()
                self._start_ready()
                continue
            except BaseException:  # a cancelled request too must give its slot back
                self._finish(query)
                raise
            self._finish(query)
            return result

    def _tick(self) -> None:
        """Apply the time limits of the queue, while queries are queued or running."""
        now, self._timer = time.monotonic(), None
        for query in self._queue.reject_stuck(now):
            query.started.set_exception(Unavailable(_TOO_MANY_PICTURES, retry_after=1.0))
        for query in self._queue.evict(now):
            query.call.cancel()
        self._start_ready()
        if self._tasks:
            self._schedule_tick()

    def _schedule_tick(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _finish(self, query: _PictureQuery) -> None:
        self._queue.finished(query, query.call.seconds, time.monotonic())
        self._start_ready()

    def _start_ready(self) -> None:
        for query in self._queue.start(time.monotonic()):
            if not query.started.done():  # else the server is stopping
                query.started.set_result(None)

    def _on_task_done(self, task: "asyncio.Task[Result]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # `run` raises it; if the visitor has disconnected, nobody does
