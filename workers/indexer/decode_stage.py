"""The decode stage: hashes and decodes pictures in threads and processes, shared fairly between picture sources."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.circuit_breaker import HostUnavailable
from workers.images.decode import Pixels, hash_images
from workers.images.decode_queue import DecodeQueue
from workers.images.decoder_pool import DecodeCall, DecodeCancelled, DecoderPool
from workers.images.displayed_urls import displayed_url
from workers.images.limits import DecodeLimits, ImageLimits
from workers.images.responses import Fetched
from workers.indexer.config import Capacity

Result = TypeVar("Result")


class _Picture:
    """One picture that is queued or being decoded."""

    def __init__(self) -> None:
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call = DecodeCall()


class DecodeStage:
    """Hashes and decodes pictures; used on one event loop, except for `close`."""

    def __init__(
        self, recipe: Recipe, limits: ImageLimits, capacity: Capacity, decode_limits: DecodeLimits | None = None
    ) -> None:
        self._decoders = DecoderPool(recipe, limits, capacity.decoders)
        self._callers = ThreadPoolExecutor(capacity.decoders, thread_name_prefix="index-decode")
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="index-hash")
        self._queue: DecodeQueue[_Picture] = DecodeQueue(
            capacity.decoders,
            capacity.picture_slots,
            decode_limits or DecodeLimits(),
            elapsed=lambda picture, now: picture.call.elapsed(now),
        )

    def close(self) -> None:
        """Kill the processes; a decode in progress raises PoolClosed."""
        self._decoders.close()
        for pool in (self._callers, self._hashing):
            pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, images: Sequence[Fetched]) -> str:
        """The hash of the pictures, as `hash_images`; needs no decoder."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._hashing, hash_images, [image.data for image in images])

    async def decode_all(self, urls: Sequence[str], images: Sequence[Fetched], source: str) -> list[Pixels]:
        """`decode` for several pictures."""
        if len(urls) == 1:  # the usual case, without a task
            return [await self.decode(urls[0], images[0], source)]
        pairs = zip(urls, images, strict=True)
        return list(await asyncio.gather(*(self.decode(url, image, source) for url, image in pairs)))

    async def decode(self, url: str, image: Fetched, source: str) -> Pixels:
        """The pixels of a picture, decoded when it is the turn of its source.

        Raises BadMessage as `DecoderPool.decode`, with the URL of the picture, because the dead letter must name the
        one that failed; HostUnavailable (overloaded) if too many pictures of its source wait.
        """
        return await self._run_queued(url, image, source, self._decoders.decode)

    async def hash_and_decode(self, url: str, image: Fetched, source: str) -> tuple[str, Pixels]:
        """`hash` and `decode` of one picture by the same thread: handing it to another costs more than its hash."""
        return await self._run_queued(url, image, source, self._hash_and_decode)

    def _hash_and_decode(self, image: bytes, call: DecodeCall) -> tuple[str, Pixels]:
        return hash_images([image]), self._decoders.decode(image, call)

    async def _run_queued(
        self, url: str, image: Fetched, source: str, work: Callable[[bytes, DecodeCall], Result]
    ) -> Result:
        loop, picture = asyncio.get_running_loop(), _Picture()
        self._queue.enqueue(source, picture)
        self._start_ready()
        while True:
            await picture.started
            try:
                result = await loop.run_in_executor(self._callers, work, image.data, picture.call)
            except DecodeCancelled:
                self._queue.requeue(picture, time.monotonic())
                picture.call, picture.started = DecodeCall(), loop.create_future()
                self._start_ready()
                continue
            except BadMessage as bad:
                self._finish(picture)
                raise BadMessage(
                    bad.reason, f"{displayed_url(url)}: {_with_content_kind(bad, image)}", attempts=bad.attempts
                ) from bad
            self._finish(picture)
            return result

    def tick(self) -> None:
        """Apply the time limits of the queue; called a few times a second."""
        now = time.monotonic()
        for picture in self._queue.reject_stuck(now):
            why = "many pictures of its seller or site take long to decode: too many of them wait"
            picture.started.set_exception(HostUnavailable(why, overloaded=True))
        for picture in self._queue.evict(now):
            picture.call.cancel()
        self._start_ready()

    def _finish(self, picture: _Picture) -> None:
        self._queue.finished(picture, picture.call.seconds, time.monotonic())
        self._start_ready()

    def _start_ready(self) -> None:
        for picture in self._queue.start(time.monotonic()):
            if not picture.started.done():  # else the worker is stopping
                picture.started.set_result(None)


def _with_content_kind(bad: BadMessage, image: Fetched) -> str:
    """The decode error, with the content type that the host sent, which the decoder does not know."""
    if bad.reason != "image-undecodable":
        return bad.error
    return f"{bad.error.partition('; what came is ')[0]}; what came is {image.description}"
