"""The picture stages: fetch and decode many at once, then encode them in batches of what is ready.

A place is held from the start of a fetch until the encoder takes the pixels, so memory is bounded and the encoder
finds the next batch ready when it is free. Until there is a place for it, a change waits in the line of its image
host (`lines.py`), so that one slow host does not stop the others.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from streams.failures import BadMessage
from workers.images.decode import Pixels, hash_images
from workers.images.decoders import Decoders
from workers.images.fetch import Fetcher
from workers.images.hosts import HostAway
from workers.images.lines import Lines
from workers.images.shown import shown
from workers.index import metrics
from workers.index.change import Change
from workers.index.encode import encode, pool
from workers.index.fold import Fold
from workers.index.settle import Settler
from workers.index.stages import Stages, take_ready
from workers.index.work import Decoded, Queues, Write
from workers.models.protocol import ImageEncoder

_TICK_SECONDS = 0.5
_LOOK_SECONDS = 0.1
"""Between two looks at all lines, of which there may be as many as events in hand: 2 ms each."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A change that needs a picture, and the hash of its row's pictures, which need no encoding."""

    change: Change
    known_hash: str | None


class Pictures:
    """Takes changes that need a picture; puts them, with their vectors, to the writes."""

    def __init__(
        self, stages: Stages, queues: Queues, fold: Fold, settler: Settler, encoder: ImageEncoder, fetcher: Fetcher
    ) -> None:
        self._stages, self._queues, self._fold, self._settler = stages, queues, fold, settler
        self._encoder, self._fetcher = encoder, fetcher
        self._recipe = encoder.recipe
        count = stages.capacity.decoders
        self._decoders = Decoders(encoder.recipe, fetcher.limits, count)
        self._callers = ThreadPoolExecutor(count, thread_name_prefix="index-decode")
        self._loop = asyncio.new_event_loop()
        self._lines: Lines[_Wanted] = Lines(fetcher.hosts, stages.capacity.pictures, fetcher.host_limits)
        self._move_soon, self._looked_at = False, 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, change: Change, known_hash: str | None) -> None:
        """Start on the pictures of `change`; `known_hash` is that of its row, whose pictures need no encoding."""
        self._loop.call_soon_threadsafe(self._start, change, known_hash)

    def fetch_step(self) -> None:
        """Run the event loop of the fetches until the pipeline stops."""

        async def until_stopped() -> None:
            async with self._fetcher:
                while not await asyncio.to_thread(self._stages.stopping.wait, _TICK_SECONDS):
                    self._tick()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

        try:
            self._loop.run_until_complete(until_stopped())
        finally:  # nobody waits for a picture any more; what a caller is still told is not read
            self._decoders.close()

    def close(self) -> None:
        """Free the loop; after the threads have ended, for they still hand work to it."""
        self._loop.close()

    def encode_step(self) -> None:
        """Encode what is decoded, as many as fit in a batch."""
        limit = max(1, self._encoder.batch_size // self._recipe.images)
        batch = take_ready(self._queues.decoded, limit, wait=self._stages.capacity.idle_wait_seconds)
        if not batch:
            return
        self._loop.call_soon_threadsafe(self._free, len(batch))
        started = time.perf_counter()
        pixels = [each for decoded in batch for each in decoded.pixels]
        vectors = encode(self._encoder, pixels)
        seconds = time.perf_counter() - started
        metrics.ENCODER_BUSY.inc(seconds)
        metrics.ENCODED.inc(len(pixels))
        metrics.BATCH_PICTURES.observe(len(pixels))
        first = 0
        for decoded in batch:
            own = vectors[first : first + len(decoded.pixels)]
            first += len(decoded.pixels)
            decoded.change.times.encode = seconds * 1_000
            try:
                self._queues.writes.put(Write(decoded.change, decoded.image_hash, pool(own)))
            except BadMessage as bad:
                self._settler.refuse(decoded.change, bad)

    def _start(self, change: Change, known_hash: str | None) -> None:
        self._lines.join(self._host_of(change), _Wanted(change, known_hash))
        self._move()

    def _host_of(self, change: Change) -> str:
        # By the first of its pictures, where a recipe wants several: a change has one place, whatever it fetches.
        return self._fetcher.host_of(change.event.image_urls[0])

    def _move(self) -> None:
        """Move the lines on, once for all that happens at the same time."""
        if not self._move_soon:
            self._move_soon = True
            self._loop.call_soon(self._move_lines)

    def _move_lines(self) -> None:
        self._move_soon = False
        if self._stages.stopping.is_set():
            return
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            self._turn_away(now)
        for host, wanted in self._lines.start(now):
            task = self._loop.create_task(self._picture(host, wanted))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _turn_away(self, now: float) -> None:
        try:
            for wanted, away in self._lines.turn_away(now):
                self._settler.put_back(wanted.change, away)
        except Exception as error:  # noqa: BLE001 - the loop would log it and go on
            self._stages.fail(error)
        metrics.IN_LINE.set(self._lines.waiting)
        metrics.HOSTS_AWAY.set(self._fetcher.hosts.away)

    def _tick(self) -> None:
        """Let those out of the lines that have nothing to wait for, and see what time alone has changed."""
        for wanted in self._lines.leave(self._overtaken):
            self._settler.look_again(wanted.change)
        self._move()

    def _overtaken(self, host: str, wanted: "_Wanted") -> bool:
        """Whether a change has left the hand, or its listing's newest has its pictures at another host."""
        change = wanted.change
        if not (change.ours and self._fold.holds(change)):
            return True
        winner = self._fold.winner(change.listing_id)
        return winner is not None and winner is not change and self._host_of(winner) != host

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stages.fail(error)

    async def _picture(self, host: str, wanted: "_Wanted") -> None:
        change, held = wanted.change, True
        try:
            if not (change.ours and self._fold.holds(change)):
                self._settler.look_again(change)
                return
            started = time.perf_counter()
            urls = change.event.image_urls[: self._recipe.images]
            try:
                images = await self._fetcher.fetch_all(urls)
            finally:
                self._lines.fetched(host)
                self._move()
            fetched = time.perf_counter()
            change.times.fetch = (fetched - started) * 1_000
            image_hash = await self._loop.run_in_executor(self._callers, hash_images, images)
            if image_hash == wanted.known_hash:
                self._queues.writes.put(Write(change, image_hash))
                return
            pixels = await asyncio.gather(*map(self._decode, urls, images))
            change.times.decode = (time.perf_counter() - fetched) * 1_000
            self._settler.good("done")
            held = False
            self._queues.decoded.put(Decoded(change, image_hash, pixels))
        except BadMessage as bad:
            self._settler.refuse(change, bad)
        except HostAway as away:
            self._settler.put_back(change, away)
        finally:
            if held:
                self._free(1)

    async def _decode(self, url: str, image: bytes) -> Pixels:
        try:
            return await self._loop.run_in_executor(self._callers, self._decoders.decode, image)
        except BadMessage as bad:  # of several pictures, whoever reads the letter must know which
            raise BadMessage(bad.reason, f"{shown(url)}: {bad.error}", attempts=bad.attempts) from bad

    def _free(self, places: int) -> None:
        self._lines.give(places)
        self._move()
