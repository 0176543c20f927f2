"""Which picture is decoded next: decoders rotate between sources, within a time budget for slow pictures. Pure.

A source is a seller, or a site if the seller is not known. A source whose pictures take seconds has used up its budget:
such sources together never occupy the last decoder. While several sources are slow at once, as with sellers' accounts
made up for it, the last decoder is reserved for sources that have had a quick picture lately. Used on one event loop;
the clock (`now`, monotonic seconds) is passed in.
"""

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from workers.images.limits import DecodeLimits

Item = TypeVar("Item", bound=Hashable)


@dataclass(slots=True)
class _Account:
    slow: float = 0.0
    """Decoder seconds of slow pictures, as of `at`; they decay with time."""
    at: float = 0.0
    quick_at: float = -math.inf
    """When its last quick picture finished."""


class DecodeQueue(Generic[Item]):
    """`enqueue` a picture, `start` those that may, report it `finished`.

    `evict`, `reject_stuck` and `displace` select the pictures that block others.
    """

    def __init__(
        self, decoders: int, slots: int, limits: DecodeLimits, elapsed: Callable[[Item, float], float] | None = None
    ) -> None:
        """`slots`: the pictures that may be queued or running at once.

        `elapsed` gives the seconds that a picture has been in its decoder so far, by default those since it started:
        a decoder that is not ready yet makes no picture slow.
        """
        self._free_decoders, self._limits = decoders, limits
        self._elapsed = elapsed
        self._max_untrusted_running = max(1, decoders - 1)
        self._max_untrusted_queued = slots // 2
        self._queues: OrderedDict[str, deque[Item]] = OrderedDict()
        """By source, in rotation order; none is empty."""
        self._running: dict[Item, tuple[str, float]] = {}
        """The pictures that have a decoder, oldest first: source and start time."""
        self._evicted: set[Item] = set()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._over_budget_at: OrderedDict[str, float] = OrderedDict()
        """The last sources that have used up their budget, and when."""

    def enqueue(self, source: str, item: Item) -> None:
        """Queue a picture behind those of the same source."""
        self._queues.setdefault(source, deque()).append(item)

    def start(self, now: float) -> list[Item]:
        """All pictures that may start now; each has a decoder until it is `finished` or requeued."""
        started: list[Item] = []
        while self._free_decoders:
            source = self._next_source(now, trusted=True)
            if source is None:
                untrusted = sum(not self._trusted(other, now) for other, _ in self._running.values())
                source = self._next_source(now, trusted=False) if untrusted < self._max_untrusted_running else None
            if source is None:
                break
            item = self._queues[source].popleft()
            self._queues.move_to_end(source)
            self._drop_if_empty(source)
            self._running[item] = (source, now)
            self._free_decoders -= 1
            started.append(item)
        return started

    def evict(self, now: float) -> list[Item]:
        """At most one picture to take out of its decoder: all decoders are slow while a trusted source waits.

        Each picture is evicted once; after `requeue` it starts again with its whole time.
        """
        quick = any(self._seconds(item, now) <= self._limits.slow_seconds for item in self._running)
        if self._free_decoders or quick or self._next_source(now, trusted=True) is None:
            return []
        return [item for item in self._running if item not in self._evicted][:1]

    def finished(self, item: Item, seconds: float, now: float) -> None:
        """A picture has left its decoder for good, after `seconds` in it."""
        source = self._release_decoder(item, seconds, now)
        self._evicted.discard(item)
        if seconds <= self._limits.slow_seconds:
            self._account(source).quick_at = now

    def requeue(self, item: Item, now: float) -> None:
        """Queue an evicted picture before all others of its source; a proven source is served next."""
        source = self._release_decoder(item, self._seconds(item, now), now)
        self._evicted.add(item)
        self._queues.setdefault(source, deque()).appendleft(item)
        proven = next((other for other in self._queues if self._proven(other, now) and self._trusted(other, now)), None)
        if proven:
            self._queues.move_to_end(proven, last=False)

    def reject_stuck(self, now: float) -> list[Item]:
        """Remove and return the queued pictures of untrusted sources that are over the limits, the last queued first.

        Each source keeps at most `max_queued`, all together half of the slots; slow sources lose theirs before new
        ones.
        """
        rejected: list[Item] = []
        remaining = self._max_untrusted_queued
        for source in sorted(self._queues, key=lambda source: self._over_budget(source, now)):
            if self._trusted(source, now):
                continue
            queue = self._queues[source]
            allowed = min(self._limits.max_queued, remaining)
            while len(queue) > allowed:
                rejected.append(queue.pop())
            remaining -= len(queue)
            self._drop_if_empty(source)
        self._evicted.difference_update(rejected)
        return rejected

    def displace(self, source: str) -> Item | None:
        """Remove and return a queued picture, to free its slot for one of `source`.

        It is the last of the source that has most pictures queued and running, if that has at least two more than
        `source`; else None.
        """
        counts = Counter(other for other, _ in self._running.values())
        counts.update({other: len(queue) for other, queue in self._queues.items()})
        largest = max(self._queues, key=lambda other: counts[other], default=None)
        if largest is None or counts[largest] < counts[source] + 2:
            return None
        item = self._queues[largest].pop()
        self._drop_if_empty(largest)
        self._evicted.discard(item)
        return item

    def _next_source(self, now: float, *, trusted: bool) -> str | None:
        """The next source in rotation that is trusted or not; of untrusted ones, new sources before slow ones."""
        sources = (source for source in self._queues if self._trusted(source, now) is trusted)
        if trusted:
            return next(sources, None)
        return min(sources, key=lambda source: self._over_budget(source, now), default=None)

    def _trusted(self, source: str, now: float) -> bool:
        if self._over_budget(source, now):
            return False
        return not self._several_slow(now) or self._proven(source, now)

    def _proven(self, source: str, now: float) -> bool:
        account = self._accounts.get(source)
        return account is not None and now - account.quick_at <= self._limits.proven_seconds

    def _several_slow(self, now: float) -> bool:
        several = len(self._over_budget_at) == self._limits.slow_sources
        return several and now - next(iter(self._over_budget_at.values())) <= self._limits.proven_seconds

    def _over_budget(self, source: str, now: float) -> bool:
        seconds = self._spent(source, now)
        for item, (other, _) in self._running.items():
            if other == source and (so_far := self._seconds(item, now)) > self._limits.slow_seconds:
                seconds += so_far
        return seconds > self._limits.budget_seconds

    def _seconds(self, item: Item, now: float) -> float:
        return self._elapsed(item, now) if self._elapsed else now - self._running[item][1]

    def _release_decoder(self, item: Item, seconds: float, now: float) -> str:
        """Free the decoder of a picture, and charge a slow one to its source, which is returned."""
        source, _ = self._running.pop(item)
        self._free_decoders += 1
        if seconds > self._limits.slow_seconds:
            slow = self._spent(source, now) + seconds
            account = self._account(source)
            account.slow, account.at = slow, now
            if slow > self._limits.budget_seconds:
                self._over_budget_at[source] = now
                self._over_budget_at.move_to_end(source)
                if len(self._over_budget_at) > self._limits.slow_sources:
                    self._over_budget_at.popitem(last=False)
        return source

    def _spent(self, source: str, now: float) -> float:
        """Seconds of the budget that a source has used, after the decay."""
        account = self._accounts.get(source)
        if account is None or not account.slow:
            return 0.0
        return account.slow * math.pow(0.5, (now - account.at) / self._limits.half_life_seconds)

    def _account(self, source: str) -> _Account:
        account = self._accounts.setdefault(source, _Account())
        self._accounts.move_to_end(source)
        if len(self._accounts) > self._limits.remembered:
            self._accounts.popitem(last=False)
        return account

    def _drop_if_empty(self, source: str) -> None:
        if not self._queues[source]:
            del self._queues[source]
