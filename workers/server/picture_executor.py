"""Threads for queries by picture, in turns between those who ask: nobody's pictures keep out everybody else's."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workers.images.decode_queue import DecodeQueue
from workers.images.decoder_pool import Call, GivenUp
from workers.images.limits import DecodeLimits
from workers.server.limits import Unavailable

Result = TypeVar("Result")

_LOOK_SECONDS = 0.25
_CROWDED = "too many of your pictures at once, or they take long to decode"


class _Asked:
    """One query that waits for its turn, or has it."""

    def __init__(self) -> None:
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call = Call()


class PictureCrew:
    """As `Crew`, for work that goes through the decoders. For one event loop."""

    def __init__(self, threads: int, at_once: int, limits: DecodeLimits | None = None) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web-pictures")
        self._turns: DecodeQueue[_Asked] = DecodeQueue(
            threads, at_once, limits or DecodeLimits(), elapsed=lambda asked, now: asked.call.elapsed(now)
        )
        self._at_once = at_once
        self._in_work: set[asyncio.Task[object]] = set()
        self._looks: asyncio.TimerHandle | None = None

    async def run(self, source: str, work: Callable[[Call], Result]) -> Result:
        """What `work` returns, done in a thread when it is the turn of `source`, who asks.

        `work` is begun anew if its picture kept others waiting. Raises Later where too much is in work, or too much of
        this source.
        """
        if len(self._in_work) >= self._at_once:
            displaced = self._turns.displace(source)
            if displaced is None:
                raise Unavailable("too many requests at once", retry_after=1.0)
            displaced.turn.set_exception(Unavailable(_CROWDED, retry_after=1.0))
        asked = _Asked()
        self._turns.join(source, asked)
        self._move()
        # Counted until the thread is free, also where the visitor has left meanwhile.
        task = asyncio.create_task(self._run(asked, work))
        self._in_work.add(task)
        task.add_done_callback(self._done)
        self._look_later()
        return await asyncio.shield(task)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, asked: _Asked, work: Callable[[Call], Result]) -> Result:
        loop = asyncio.get_running_loop()
        while True:
            await asked.turn
            try:
                result = await loop.run_in_executor(self._threads, work, asked.call)
            except GivenUp:
                self._turns.stopped(asked, time.monotonic())
                asked.call, asked.turn = Call(), loop.create_future()
                self._move()
                continue
            except BaseException:
                self._ended(asked)
                raise
            self._ended(asked)
            return result

    def _look(self) -> None:
        """See what time alone has changed, while something is in work."""
        now, self._looks = time.monotonic(), None
        for asked in self._turns.reject_stuck(now):
            asked.turn.set_exception(Unavailable(_CROWDED, retry_after=1.0))
        for asked in self._turns.evict(now):
            asked.call.give_up()
        self._move()
        if self._in_work:
            self._look_later()

    def _look_later(self) -> None:
        if self._looks is None:
            self._looks = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _ended(self, asked: _Asked) -> None:
        self._turns.ended(asked, asked.call.seconds, time.monotonic())
        self._move()

    def _move(self) -> None:
        for asked in self._turns.start(time.monotonic()):
            if not asked.turn.done():  # else the server stops, and nobody waits for it any more
                asked.turn.set_result(None)

    def _done(self, task: "asyncio.Task[Result]") -> None:
        self._in_work.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits; where nobody does any more, to nobody
