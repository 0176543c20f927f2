"""Whose picture is decoded next: decoders in turns between sources, and a budget for pictures that take long. Pure.

A source is a seller, or a site where the seller is not known. One whose pictures take seconds has used its budget up:
such sources together never have the last decoder. While several are slow at once, as makers of new names can be, it is
kept for sources that have had a quick picture lately. Used on one event loop; the clock (`now`, monotonic seconds) is
passed in.
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
    """Seconds in decoders of pictures that took long, as of `at`; they are forgotten with time."""
    at: float = 0.0
    quick_at: float = -math.inf


class DecodeQueue(Generic[Item]):
    """`join` a line, `start` what may, say how it `ended`; `evict`, `turn_away`, `displace` what keeps others out."""

    def __init__(
        self, decoders: int, places: int, limits: DecodeLimits, elapsed: Callable[[Item, float], float] | None = None
    ) -> None:
        """`elapsed` gives the seconds that a picture has been in its decoder so far, by default those since it started:
        a decoder that is not ready yet makes no picture slow."""
        self._free, self._limits = decoders, limits
        self._elapsed = elapsed
        self._for_slow = max(1, decoders - 1)
        self._waiting_most = places // 2
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()
        """By source, in the order of their turns; none is empty."""
        self._running: dict[Item, tuple[str, float]] = {}
        """What has a decoder, oldest first: its source, and when it started."""
        self._evicted: set[Item] = set()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._over: OrderedDict[str, float] = OrderedDict()
        """The last sources that have used their budget up, and when."""

    def join(self, source: str, item: Item) -> None:
        """Wait for a decoder, behind those of the same source."""
        self._lines.setdefault(source, deque()).append(item)

    def start(self, now: float) -> list[Item]:
        """All that may start; each has a decoder until it has ended."""
        started: list[Item] = []
        while self._free:
            source = self._next(now, trusted=True)
            if source is None:
                slow = sum(not self._trusted(each, now) for each, _ in self._running.values())
                source = self._next(now, trusted=False) if slow < self._for_slow else None
            if source is None:
                break
            item = self._lines[source].popleft()
            self._lines.move_to_end(source)
            self._sweep(source)
            self._running[item] = (source, now)
            self._free -= 1
            started.append(item)
        return started

    def evict(self, now: float) -> list[Item]:
        """A picture that must leave its decoder, since all of them are held for long and somebody waits who may.

        Each is evicted once: it begins anew when it is its turn, with its whole time.
        """
        quick = any(self._seconds(item, now) <= self._limits.slow_seconds for item in self._running)
        if self._free or quick or self._next(now, trusted=True) is None:
            return []
        return [item for item in self._running if item not in self._evicted][:1]

    def ended(self, item: Item, seconds: float, now: float) -> None:
        """It has left its decoder, where it was for so many seconds."""
        source = self._leave(item, seconds, now)
        self._evicted.discard(item)
        if seconds <= self._limits.slow_seconds:
            self._account(source).quick_at = now

    def stopped(self, item: Item, now: float) -> None:
        """It was evicted, and waits before all others of its source; a source that is known has the next turn."""
        source = self._leave(item, self._seconds(item, now), now)
        self._evicted.add(item)
        self._lines.setdefault(source, deque()).appendleft(item)
        if known := next((each for each in self._lines if self._proven(each, now) and self._trusted(each, now)), None):
            self._lines.move_to_end(known, last=False)

    def reject_stuck(self, now: float) -> list[Item]:
        """The last of those that wait without trust: of one source beyond its line, of all beyond half the places, new
        sources before slow ones."""
        turned: list[Item] = []
        left = self._waiting_most
        for source in sorted(self._lines, key=lambda each: self._over_budget(each, now)):
            if self._trusted(source, now):
                continue
            line = self._lines[source]
            room = min(self._limits.line, left)
            while len(line) > room:
                turned.append(line.pop())
            left -= len(line)
            self._sweep(source)
        self._evicted.difference_update(turned)
        return turned

    def displace(self, source: str) -> Item | None:
        """Who gives up its place in line to a picture of `source` where none is left: the last of the source that has
        most in work, if that has two more than `source`."""
        in_work = Counter(each for each, _ in self._running.values())
        in_work.update({each: len(line) for each, line in self._lines.items()})
        most = max(self._lines, key=lambda each: in_work[each], default=None)
        if most is None or in_work[most] < in_work[source] + 2:
            return None
        item = self._lines[most].pop()
        self._sweep(most)
        self._evicted.discard(item)
        return item

    def _next(self, now: float, *, trusted: bool) -> str | None:
        """Whose turn it is, of those that are trusted or are not; of the latter new sources before slow ones."""
        found = (source for source in self._lines if self._trusted(source, now) is trusted)
        if trusted:
            return next(found, None)
        return min(found, key=lambda source: self._over_budget(source, now), default=None)

    def _trusted(self, source: str, now: float) -> bool:
        if self._over_budget(source, now):
            return False
        return not self._several_slow(now) or self._proven(source, now)

    def _proven(self, source: str, now: float) -> bool:
        known = self._accounts.get(source)
        return known is not None and now - known.quick_at <= self._limits.proven_seconds

    def _several_slow(self, now: float) -> bool:
        several = len(self._over) == self._limits.several
        return several and now - next(iter(self._over.values())) <= self._limits.proven_seconds

    def _over_budget(self, source: str, now: float) -> bool:
        seconds = self._remembered(source, now)
        for item, (other, _) in self._running.items():
            if other == source and (so_far := self._seconds(item, now)) > self._limits.slow_seconds:
                seconds += so_far
        return seconds > self._limits.budget_seconds

    def _seconds(self, item: Item, now: float) -> float:
        return self._elapsed(item, now) if self._elapsed else now - self._running[item][1]

    def _leave(self, item: Item, seconds: float, now: float) -> str:
        source, _ = self._running.pop(item)
        self._free += 1
        if seconds > self._limits.slow_seconds:
            slow = self._remembered(source, now) + seconds
            account = self._account(source)
            account.slow, account.at = slow, now
            if slow > self._limits.budget_seconds:
                self._over[source] = now
                self._over.move_to_end(source)
                if len(self._over) > self._limits.several:
                    self._over.popitem(last=False)
        return source

    def _remembered(self, source: str, now: float) -> float:
        known = self._accounts.get(source)
        if known is None or not known.slow:
            return 0.0
        return known.slow * math.pow(0.5, (now - known.at) / self._limits.half_life_seconds)

    def _account(self, source: str) -> _Account:
        account = self._accounts.setdefault(source, _Account())
        self._accounts.move_to_end(source)
        if len(self._accounts) > self._limits.remembered:
            self._accounts.popitem(last=False)
        return account

    def _sweep(self, source: str) -> None:
        if not self._lines[source]:
            del self._lines[source]
