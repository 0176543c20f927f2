"""How much may be asked at once: sizes, counts, rates, and how many are answered at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from streams.errors import SlowDown

Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """What the operator allows."""

    most: Annotated[int, typer.Option(min=1, max=200, help="Items that a request may ask for, at most.")] = 100
    picture_bytes: Annotated[int, typer.Option(min=1_000, help="Bytes of a picture sent as a query, at most.")] = (
        10_000_000
    )
    picture_pixels: Annotated[
        int, typer.Option(min=1_000, help="Width times height of a picture sent as a query, at most.")
    ] = 50_000_000
    interactions_bytes: int = 1_000_000
    interactions_rate: Annotated[
        float, typer.Option(min=1, help="Interactions accepted per second, of all clients together.")
    ] = 1_000.0
    """Twice as many at once."""
    interactions: Annotated[
        int, typer.Option("--interactions-most", min=1, max=5_000, help="Interactions in one request, at most.")
    ] = 500
    at_once: Annotated[
        int, typer.Option(min=1, help="Requests in progress, at most; further ones are refused with 503.")
    ] = 64
    encoded_at_once: int = 8
    """Of them by picture, and as many by text; at 20 ms each in the model the last waits 0.2 s."""
    decode_seconds: float = 4.0
    """For a visitor's picture in its decoder; 50 megapixels of lossless WebP take 2.3 s."""
    connections: Annotated[
        int, typer.Option(min=1, help="Open connections, at most; beyond it see docs/serving.md.")
    ] = 1_000
    """Fewer if the process may not open so many files."""
    body_seconds: float = 10.0
    """For the whole of a request's body to arrive."""


class Unavailable(SlowDown):
    """Not now, in words that may be told to anybody."""


class RateLimited(Unavailable):
    """More than the rate that the operator allows."""


class TokenBucket:
    """Lets through `rate` a second, and up to `most` at once after a pause."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._most = self._left = most
        self._at = clock()

    def acquire(self, count: int) -> float:
        """0 where `count` may pass now; else the seconds until they may, and nothing is taken."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if count <= self._left:
            self._left -= count
            return 0.0
        return (count - self._left) / self._rate


class BoundedExecutor:
    """Threads for calls that block, and no longer line than can be answered in time."""

    def __init__(self, threads: int, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web-answers")
        self._at_once, self._busy = at_once, 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, done in a thread; raises Unavailable where too much is in work. For one event loop."""
        if self._busy >= self._at_once:
            raise Unavailable("too many requests at once", retry_after=1.0)
        self._busy += 1
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Counted until the thread is free, also where the visitor has left meanwhile.
        done.add_done_callback(self._free)
        return await asyncio.shield(done)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _free(self, done: "asyncio.Future[Result]") -> None:
        self._busy -= 1
        if not done.cancelled():
            done.exception()  # told to whoever waits; where nobody does any more, to nobody
