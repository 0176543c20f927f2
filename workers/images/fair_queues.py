"""Which event may start on its pictures next: places in work, shared fairly between the parties. Pure.

An event waits without a place, in a line of its host and seller. It starts when there is a place and each of its
parties (`PictureSource`) has a share left. Half of all places is kept for hosts that have delivered lately; a host or
seller of which nothing is under way is not kept waiting by what hangs elsewhere in its party; and what hangs gives its
place to others. So neither a slow host nor many of one maker can keep the others out; and what waits for those that are
slow, or silent so far, is only a part of the events in flight. Used on one event loop.
"""

import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from workers.images.circuit_breaker import HostCircuitBreaker, HostUnavailable
from workers.images.concurrency_shares import ConcurrencyShares
from workers.images.limits import HostLimits
from workers.images.picture_source import PictureSource

Item = TypeVar("Item", bound=Hashable)


@dataclass(slots=True)
class _Line(Generic[Item]):
    items: deque[tuple[PictureSource, Item]] = field(default_factory=deque)
    under_way: int = 0


class FairQueues(Generic[Item]):
    """`join` a line, `start` what may, say when it was `fetched` and when its place is free (`give`)."""

    def __init__(self, hosts: HostCircuitBreaker, shares: ConcurrencyShares, places: int, limits: HostLimits) -> None:
        self._hosts, self._shares, self._limits = hosts, shares, limits
        self._places = self._free = places
        self._lines: OrderedDict[str, OrderedDict[str, _Line[Item]]] = OrderedDict()
        """By host, then by seller; each in the order of its turns."""
        self._running: dict[Item, tuple[PictureSource, float, bool]] = {}
        """What is being fetched, oldest first: when it began, and whether its host had delivered lately."""
        self._parties: dict[str, dict[Item, float]] = {}
        """The same by party."""
        self._unproven = 0
        self.waiting = 0
        """How many wait in all lines."""

    def join(self, origin: PictureSource, item: Item) -> None:
        """Wait for a place, behind those of the same host and seller."""
        line = self._lines.setdefault(origin.host, OrderedDict()).setdefault(origin.seller, _Line())
        line.items.append((origin, item))
        self.waiting += 1

    def start(self, now: float) -> list[Item]:
        """All that may start, in turns between hosts and their sellers, struggling ones last; each has a place."""
        started: list[Item] = []
        for struggling in (False, True):
            turn = [host for host in self._lines if self._struggles(host, now) is struggling]
            while turn and self._free:
                turn = [host for host in turn if self._free and self._start_one(host, now, started)]
        return started

    def evict(self, now: float) -> list[Item]:
        """Fetches that must give up their place: they hang while hosts wait for a place that are not known to.

        The oldest of those whose host has not delivered lately, or does so no more; as many as hosts wait.
        """
        if self._free and self._unproven < self._places // 2:
            return []
        waits = sum(
            not self._struggles(host, now) and any(line.items for line in lines.values())
            for host, lines in self._lines.items()
        )
        hanging = (
            item
            for item, (origin, began, proven) in self._running.items()
            if now - began > self._limits.evict_seconds and (not proven or self._struggles(origin.host, now))
        )
        return list(itertools.islice(hanging, waits))

    def fetched(self, item: Item) -> None:
        """A fetch is over: its parties may have the next; its place is still taken."""
        origin, _, proven = self._running.pop(item)
        for party in (*origin.own, *origin.shared):
            del self._parties[party][item]
            if not self._parties[party]:
                del self._parties[party]
        self._unproven -= not proven
        self._lines[origin.host][origin.seller].under_way -= 1
        self._sweep(origin.host, origin.seller)

    def release(self, places: int = 1) -> None:
        """Places are free again."""
        self._free += places

    @property
    def overloaded(self) -> bool:
        """Whether so many wait that they could become all that a worker has in hand."""
        return self.waiting > self._limits.lines

    def reject_stuck(self, now: float) -> list[tuple[Item, HostUnavailable]]:
        """Whoever must not wait any longer: all whose host is away, and the last if too many wait for a party."""
        turned: list[tuple[Item, HostUnavailable]] = []
        holds_up = self._keeps_silent if self.overloaded else self._struggles
        slow = {party for party in self._parties if holds_up(party, now)}
        waiting: Counter[str] = Counter()
        for host, lines in list(self._lines.items()):
            for seller, line in list(lines.items()):
                if line.items and (left := self._hosts.away_for(host, now, seller)) > 0:
                    turned += [(item, HostUnavailable(f"{host} is away", retry_after=left)) for _, item in line.items]
                    line.items.clear()
                elif line.items:
                    turned += self._shorten(line, waiting, slow, now)
                self._sweep(host, seller)
        self.waiting -= len(turned)
        return turned

    def leave(self, gone: Callable[[str, Item], bool]) -> list[Item]:
        """Take whoever is `gone` out of their lines, and return them."""
        left: list[Item] = []
        for host, lines in list(self._lines.items()):
            for seller, line in list(lines.items()):
                staying: deque[tuple[PictureSource, Item]] = deque()
                for origin, item in line.items:
                    if gone(host, item):
                        left.append(item)
                    else:
                        staying.append((origin, item))
                line.items = staying
                self._sweep(host, seller)
        self.waiting -= len(left)
        return left

    def _shorten(
        self, line: _Line[Item], waiting: "Counter[str]", slow: set[str], now: float
    ) -> list[tuple[Item, HostUnavailable]]:
        origin = line.items[-1][0]
        own = [party for party in self._bounds(origin, now) if party in slow or self._shares.failing(party)]
        if not own:
            return []
        room = min(self._limits.line - max(waiting[party] for party in own), self._limits.lines - waiting[""])
        turned: list[tuple[Item, HostUnavailable]] = []
        while len(line.items) > max(room, 0):
            why = (
                f"{origin.host}, or what it shares its domain, address or seller with, is slow: too many pictures wait"
            )
            turned.append((line.items.pop()[1], HostUnavailable(why, crowded=True)))
        waiting.update(dict.fromkeys([*own, ""], len(line.items)))
        return turned

    def _bounds(self, origin: PictureSource, now: float) -> tuple[str, ...]:
        """The parties whose shares count: a host that delivers is not bound by others of its domain or address."""
        return origin.own if self._shares.proven(origin.host, now) else (*origin.own, *origin.shared)

    def _start_one(self, host: str, now: float, started: list[Item]) -> bool:
        lines: Mapping[str, _Line[Item]] = self._lines.get(host, {})
        first = next((line for line in lines.values() if line.items), None)
        if first is None:
            return False
        proven = self._shares.proven(host, now)
        if not proven and self._unproven >= self._places // 2:
            return False
        if not self._hosts.may_ask(host, now, len(self._parties.get(host, ()))):
            return False
        bounds = (host,) if proven else (host, *first.items[0][0].shared)
        room = min(self._room(party, now) for party in bounds)
        if not room:
            return False
        for seller, line in lines.items():
            if line.items and room > bool(line.under_way) and self._seller_may(host, seller, line, now):
                started.append(self._begin(host, seller, now, proven=proven))
                return True
        return False

    def _seller_may(self, host: str, seller: str, line: _Line[Item], now: float) -> bool:
        if not seller:
            return True
        if not self._hosts.may_ask(host, now, line.under_way, seller):
            return False
        return self._room(f"seller {seller}", now) > bool(line.under_way)

    def _room(self, party: str, now: float) -> int:
        """2: a share is left. 1: only for a host and seller of which nothing is under way. 0: none."""
        running, share = self._parties.get(party, {}), self._shares.share(party, now)
        if len(running) < share:
            return 2
        if len(running) >= self._places // 4:
            return 0
        young = sum(now - began < self._limits.young_seconds for began in running.values())
        return 1 if young < share else 0

    def _begin(self, host: str, seller: str, now: float, *, proven: bool) -> Item:
        line = self._lines[host][seller]
        origin, item = line.items.popleft()
        self._running[item] = (origin, now, proven)
        for party in (*origin.own, *origin.shared):
            self._parties.setdefault(party, {})[item] = now
        self._unproven += not proven
        self._free -= 1
        self.waiting -= 1
        line.under_way += 1
        self._lines[host].move_to_end(seller)
        self._lines.move_to_end(host)
        return item

    def _struggles(self, party: str, now: float) -> bool:
        if self._shares.failing(party):
            return True
        running = self._parties.get(party)
        return running is not None and self._shares.slow(party, next(iter(running.values())), now)

    def _keeps_silent(self, party: str, now: float) -> bool:
        """Whether a party struggles, or may be about to: long before that is sure it could fill the whole hand."""
        running = self._parties.get(party)
        silent = running is not None and self._shares.silent(party, next(iter(running.values())), now)
        return silent or self._struggles(party, now)

    def _sweep(self, host: str, seller: str) -> None:
        line = self._lines[host][seller]
        if not line.items and not line.under_way:
            del self._lines[host][seller]
            if not self._lines[host]:
                del self._lines[host]
