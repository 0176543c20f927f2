"""The fetch stage: fetches and decodes the pictures of many events concurrently, for the encoder.

An event holds a slot from the start of its fetch until the encoder takes its pixels: this bounds the memory, and the
encoder finds the next batch ready. Until a slot is free, the event waits in the queue of its image host
(`fair_queues.py`), so that one slow host does not block the others.
"""

import asyncio
import time

from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fair_queues import FairQueues
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits
from workers.images.picture_source import PictureSource, site_of_url
from workers.images.resolver import LOOKUPS
from workers.images.responses import Fetched, NotYet
from workers.indexer import metrics
from workers.indexer.decode_stage import DecodeStage
from workers.indexer.messages import Decoded, Write
from workers.indexer.pending_event import PendingEvent
from workers.indexer.picture_request import PictureRequest, picture_request
from workers.indexer.shared import Shared

_TICK_SECONDS = 0.5
_SWEEP_SECONDS = 0.2
"""Between two sweeps of all host queues, of which there may be as many as events in flight: 8 ms for 2,000."""
_OVERLOADED_SWEEP_SECONDS = 0.02
"""Between two sweeps while the queues are overloaded: evicted events make room for the next ones from Kafka. At least
ten times as long as a sweep takes, so that sweeping takes no more than a tenth of the time."""


class FetchStage:
    """Takes events that need pictures; puts them with their pixels on the queue `decoded`."""

    def __init__(self, shared: Shared, recipe: Recipe, fetcher: Fetcher) -> None:
        self._stages, self._queues = shared.stages, shared.queues
        self._fold, self._settler = shared.fold, shared.settler
        self._recipe, self._fetcher = recipe, fetcher
        capacity = shared.stages.capacity
        self._decoding = DecodeStage(recipe, fetcher.limits, capacity)
        self._loop = asyncio.new_event_loop()
        # Hanging hosts and name servers must leave capacity for others, however small it is: half of the slots are for
        # hosts that have not delivered yet; a quarter and an eighth of the events in flight may wait in the queues.
        max_in_flight = capacity.max_in_flight
        slots, lookups = min(capacity.picture_slots, max_in_flight), min(LOOKUPS, max(2, max_in_flight // 8))
        self._host_queues: FairQueues[PictureRequest] = FairQueues(
            fetcher.hosts, fetcher.shares, slots, fetcher.host_limits
        )
        self._lookup_queues: FairQueues[PictureRequest] = FairQueues(
            fetcher.hosts, fetcher.shares, lookups, HostLimits.for_max_in_flight(max_in_flight // 2)
        )
        """Events whose host must be resolved first; name servers can hang as well."""
        self._lookups: set[PictureRequest] = set()
        self._fetches: dict[PictureRequest, asyncio.Task[list[Fetched]]] = {}
        self._start_scheduled, self._sweep_scheduled, self._swept_at, self._sweep_seconds = False, False, 0.0, 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, pending: PendingEvent, known_hash: str | None) -> None:
        """Start on the pictures of `pending`; `known_hash` is that of its row, whose pictures need no encoding."""
        self._loop.call_soon_threadsafe(self._start, picture_request(pending, known_hash, self._recipe))

    def fetch_step(self) -> None:
        """Run the event loop of the fetches until the pipeline stops."""

        async def until_stopped() -> None:
            async with self._fetcher:
                while not await asyncio.to_thread(self._stages.stopping.wait, _TICK_SECONDS):
                    self._tick()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._loop.shutdown_default_executor()

        try:
            self._loop.run_until_complete(until_stopped())
        finally:  # nobody waits for a picture any more
            self._decoding.close()

    def close(self) -> None:
        """Close the event loop; to be called after the threads have ended, for they still submit work to it."""
        self._loop.close()

    def release_slots(self, slots: int) -> None:
        """Release slots whose pixels the encoder has taken. Thread-safe."""
        self._loop.call_soon_threadsafe(self._release_slots, slots)

    def _start(self, request: PictureRequest) -> None:
        # Queued by the first of its pictures, if the recipe needs several: an event holds one slot in any case.
        url, seller = request.urls[0], request.pending.event.seller_id or ""
        source = self._fetcher.source_of(url, seller)
        if source is None:
            self._lookup_queues.enqueue(self._fetcher.source_by_name(url, seller), request)
            self._schedule_start()
        else:
            self._enqueue(source, request)

    async def _resolve_host(self, request: PictureRequest) -> None:
        self._lookups.add(request)
        source = await self._fetcher.look_up(request.urls[0], request.pending.event.seller_id or "")
        if self._end_lookup(request):
            self._enqueue(source, request)

    def _end_lookup(self, request: PictureRequest) -> bool:
        """End the name lookup of a request; False if it was evicted before."""
        if request not in self._lookups:
            return False
        self._lookups.discard(request)
        self._lookup_queues.fetched(request)
        self._lookup_queues.release()
        return True

    def _enqueue(self, source: PictureSource, request: PictureRequest) -> None:
        self._host_queues.enqueue(source, request)
        request.parties, request.source = (*source.own, *source.shared), source.source
        self._schedule_start()

    def _watch(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _schedule_start(self) -> None:
        """Start ready requests soon: once for everything that happens in one turn of the loop."""
        if not self._start_scheduled:
            self._start_scheduled = True
            self._loop.call_soon(self._start_ready)

    def _start_ready(self) -> None:
        self._start_scheduled = False
        if self._stages.stopping.is_set():
            return
        now = time.monotonic()
        pause = max(_OVERLOADED_SWEEP_SECONDS, 10 * self._sweep_seconds) if self._overloaded else _SWEEP_SECONDS
        if now - self._swept_at > pause:
            self._swept_at = now
            self._evict(now)
            self._sweep_seconds = time.monotonic() - now
        # While no more events are accepted, nothing else may trigger the next sweep.
        if self._overloaded and not self._sweep_scheduled:
            self._sweep_scheduled = True
            self._loop.call_later(1.1 * pause, self._on_sweep_timer)
        for request in self._lookup_queues.start(now):
            self._watch(self._loop.create_task(self._resolve_host(request)))
        for request in self._host_queues.start(now):
            self._watch(self._loop.create_task(self._process(request)))

    def _on_sweep_timer(self) -> None:
        self._sweep_scheduled = False
        self._schedule_start()

    @property
    def _overloaded(self) -> bool:
        return self._host_queues.overloaded or self._lookup_queues.overloaded

    def _evict(self, now: float) -> None:
        try:
            for request, away in (*self._lookup_queues.reject_stuck(now), *self._host_queues.reject_stuck(now)):
                self._settler.requeue(request.pending, away)
            for request in self._lookup_queues.evict(now):
                if self._end_lookup(request):
                    self._settler.requeue(
                        request.pending, HostUnavailable("the look-up of its host kept others waiting")
                    )
        except Exception as error:  # noqa: BLE001 - the event loop would log it and go on
            self._stages.fail(error)
        for request in self._host_queues.evict(now):
            if fetch := self._fetches.pop(request, None):
                fetch.cancel()
        metrics.IN_LINE.set(self._host_queues.waiting + self._lookup_queues.waiting)
        metrics.HOSTS_AWAY.set(self._fetcher.hosts.away)

    def _tick(self) -> None:
        """Remove queued requests that are no longer needed, and apply the time limits."""
        for request in (*self._lookup_queues.remove(self._left_host), *self._host_queues.remove(self._left_host)):
            self._settler.reschedule(request.pending)
        self._decoding.tick()
        self._schedule_start()

    def _left_host(self, host: str, request: PictureRequest) -> bool:
        """Whether an event is finished, or the newest event of its listing has its pictures at another host."""
        pending = request.pending
        if not (pending.is_owned and self._fold.holds(pending)):
            return True
        winner = self._fold.winner(pending.listing_id)
        return (
            winner is not None and winner is not pending and (self._fetcher.host_of(winner.event.image_urls[0]) != host)
        )

    def _on_task_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stages.fail(error)

    async def _process(self, request: PictureRequest) -> None:
        pending, holds_slot = request.pending, True
        try:
            if not (pending.is_owned and self._fold.holds(pending)):
                self._host_queues.fetched(request)
                self._settler.reschedule(pending)
                return
            started = time.perf_counter()
            images = await self._fetch(request)
            fetched = time.perf_counter()
            pending.times.fetch = (fetched - started) * 1_000
            if request.known_hash is None and len(images) == 1:
                image_hash, only = await self._decoding.hash_and_decode(request.urls[0], images[0], request.source)
                pixels = [only]
            else:
                image_hash = await self._decoding.hash(images)
                if image_hash == request.known_hash:
                    self._queues.writes.put(Write(pending, image_hash))
                    return
                pixels = await self._decoding.decode_all(request.urls, images, request.source)
            pending.times.decode = (time.perf_counter() - fetched) * 1_000
            self._settler.count_success("done", site_of_url(request.urls[0]))
            holds_slot = False
            self._queues.decoded.put(Decoded(pending, image_hash, pixels))
        except BadMessage as bad:
            self._on_bad_picture(request, bad)
        except HostUnavailable as away:
            self._settler.requeue(pending, away)
        finally:
            if holds_slot:
                self._release_slots(1)

    def _on_bad_picture(self, request: PictureRequest, bad: BadMessage) -> None:
        following = request.after(bad)
        if isinstance(following, PictureRequest):
            self._start(following)
        elif isinstance(following, NotYet):
            self._settler.requeue_missing_picture(request.pending, following)
        else:
            self._settler.dead_letter(request.pending, following)

    async def _fetch(self, request: PictureRequest) -> list[Fetched]:
        """The pictures of a request; the result is counted for all of its parties."""
        urls, began = request.urls, time.monotonic()
        shares = self._fetcher.shares
        fetch = self._loop.create_task(self._fetcher.fetch_all(urls, request.pending.event.seller_id or ""))
        self._fetches[request] = fetch
        try:
            await asyncio.wait([fetch])
            images = _fetched_images(fetch, self._fetcher.host_of(urls[0]), time.monotonic() - began)
        except HostUnavailable as away:
            if away.attempts:
                shares.failed(request.parties)
            raise
        except BadMessage as bad:
            if bad.reason != "image-refused":
                shares.answered(request.parties, time.monotonic() - began, time.monotonic(), picture=False)
            raise
        else:
            shares.answered(request.parties, time.monotonic() - began, time.monotonic(), picture=True)
            return images
        finally:
            fetch.cancel()
            self._fetches.pop(request, None)
            self._host_queues.fetched(request)
            self._schedule_start()

    def _release_slots(self, slots: int) -> None:
        self._host_queues.release(slots)
        self._schedule_start()


def _fetched_images(fetch: "asyncio.Task[list[Fetched]]", host: str, seconds: float) -> list[Fetched]:
    """The fetched pictures; raises HostUnavailable if the fetch was evicted."""
    if fetch.cancelled():
        raise HostUnavailable(f"{host} kept others waiting for {seconds:.0f} s", attempts=1)
    return fetch.result()
