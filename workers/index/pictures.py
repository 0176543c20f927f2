"""The picture stages: fetch and decode many at once, then encode them in batches of what is ready.

A slot is held from the start of a fetch until the encoder takes the pixels, so memory is bounded and the encoder
finds the next batch ready when it is free.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from streams.failures import BadMessage
from workers.index import metrics
from workers.index.change import Change
from workers.index.decode import decode, hash_images
from workers.index.fetch import Fetcher
from workers.index.fold import Fold
from workers.index.settle import Settler
from workers.index.stages import Stages, take_ready
from workers.index.work import Decoded, Queues, Write
from workers.models.protocol import ImageEncoder


class Pictures:
    """Takes changes that need a picture; puts them, with their vectors, to the writes."""

    def __init__(
        self, stages: Stages, queues: Queues, fold: Fold, settler: Settler, encoder: ImageEncoder, fetcher: Fetcher
    ) -> None:
        self._stages, self._queues, self._fold, self._settler = stages, queues, fold, settler
        self._encoder, self._fetcher = encoder, fetcher
        self._recipe = encoder.recipe
        self._decoders = ThreadPoolExecutor(stages.capacity.decoders, thread_name_prefix="index-decode")
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(stages.capacity.pictures)
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, change: Change, known_hash: str | None) -> None:
        """Start on the pictures of `change`; `known_hash` is that of its row, whose pictures need no encoding."""
        self._loop.call_soon_threadsafe(self._start, change, known_hash)

    def fetch_step(self) -> None:
        """Run the event loop of the fetches until the pipeline stops."""

        async def until_stopped() -> None:
            async with self._fetcher:
                await asyncio.to_thread(self._stages.stopping.wait)
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

        self._loop.run_until_complete(until_stopped())

    def close(self) -> None:
        """Free the loop and the decoders; after the threads have ended, for they still hand work to the loop."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
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
        vectors = self._encoder.encode(np.stack(pixels))
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
        task = self._loop.create_task(self._picture(change, known_hash))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stages.fail(error)

    async def _picture(self, change: Change, known_hash: str | None) -> None:
        await self._slots.acquire()
        held = True
        try:
            if not (change.ours and self._fold.holds(change)):
                self._settler.look_again(change)
                return
            started = time.perf_counter()
            urls = change.event.image_urls[: self._recipe.images]
            images = await asyncio.gather(*(self._fetcher.fetch(url) for url in urls))
            fetched = time.perf_counter()
            change.times.fetch = (fetched - started) * 1_000
            decoded = await self._loop.run_in_executor(self._decoders, self._decode, change, images, known_hash)
            change.times.decode = (time.perf_counter() - fetched) * 1_000
            if decoded.pixels:
                held = False
                self._queues.decoded.put(decoded)
            else:
                self._queues.writes.put(Write(change, decoded.image_hash))
        except BadMessage as bad:
            self._settler.refuse(change, bad)
        finally:
            if held:
                self._slots.release()

    def _decode(self, change: Change, images: list[bytes], known_hash: str | None) -> Decoded:
        image_hash = hash_images(images)
        if image_hash == known_hash:
            return Decoded(change, image_hash, [])
        pixels = [decode(each, self._recipe, max_pixels=self._fetcher.limits.pixels) for each in images]
        return Decoded(change, image_hash, pixels)

    def _free(self, slots: int) -> None:
        for _ in range(slots):
            self._slots.release()


def pool(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of a listing's unit vectors (n × dimensions), scaled to length 1.

    Raises BadMessage (encode) for NaN, infinity or a mean of length 0: Milvus must never get those.
    """
    mean = vectors.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length < 1e-6:
        raise BadMessage("encode", f"the vector has length {length}")
    result: NDArray[np.float32] = (mean / length).astype(np.float32)
    return result
