"""Which event may start on its pictures next: fetch slots, shared fairly between parties. Pure.

An event waits without a slot, in the queue of its host and seller. It starts when a slot is free and each of its
parties (`PictureSource`: host, domain, address, seller) has a share left. Half of all slots is reserved for hosts that
have delivered lately; a host or seller without a running fetch does not wait for fetches that hang elsewhere in its
party; and fetches that hang are evicted. So neither a slow host nor many hosts of one party can block the others; and
the events queued for parties that are slow, or silent so far, are only a part of the events in flight. Used on one
event loop.
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
class _Queue(Generic[Item]):
    """The items of one host and seller."""

    waiting: deque[tuple[PictureSource, Item]] = field(default_factory=deque)
    running: int = 0


class FairQueues(Generic[Item]):
    """`enqueue` an item, `start` those that may, report it `fetched`, and `release` its slot."""

    def __init__(self, hosts: HostCircuitBreaker, shares: ConcurrencyShares, slots: int, limits: HostLimits) -> None:
        self._hosts, self._shares, self._limits = hosts, shares, limits
        self._slots = self._free_slots = slots
        self._queues: OrderedDict[str, OrderedDict[str, _Queue[Item]]] = OrderedDict()
        """By host, then by seller; each in rotation order."""
        self._running: dict[Item, tuple[PictureSource, float, bool]] = {}
        """Running fetches, oldest first: start time, and whether the host had delivered lately."""
        self._parties: dict[str, dict[Item, float]] = {}
        """The running fetches of each party, oldest first, with their start times."""
        self._unproven = 0
        """Running fetches from hosts that had not delivered lately."""
        self.waiting = 0
        """Items in all queues."""

    def enqueue(self, source: PictureSource, item: Item) -> None:
        """Queue an item behind those of the same host and seller."""
        queue = self._queues.setdefault(source.host, OrderedDict()).setdefault(source.seller, _Queue())
        queue.waiting.append((source, item))
        self.waiting += 1

    def start(self, now: float) -> list[Item]:
        """All items that may start now, rotating between hosts and their sellers, slow ones last; each has a slot."""
        started: list[Item] = []
        for slow in (False, True):
            hosts = [host for host in self._queues if self._slow(host, now) is slow]
            while hosts and self._free_slots:
                hosts = [host for host in hosts if self._free_slots and self._start_one(host, now, started)]
        return started

    def evict(self, now: float) -> list[Item]:
        """The fetches to cancel: they hang, while hosts that are not slow wait for a slot.

        The oldest of those whose host has not delivered lately or has become slow; at most as many as hosts wait.
        """
        if self._free_slots and self._unproven < self._slots // 2:
            return []
        waiting_hosts = sum(
            not self._slow(host, now) and any(queue.waiting for queue in queues.values())
            for host, queues in self._queues.items()
        )
        hanging = (
            item
            for item, (source, began, proven) in self._running.items()
            if now - began > self._limits.evict_seconds and (not proven or self._slow(source.host, now))
        )
        return list(itertools.islice(hanging, waiting_hosts))

    def fetched(self, item: Item) -> None:
        """A fetch is over, and no longer counts for the shares of its parties; its slot is still taken."""
        source, _, proven = self._running.pop(item)
        for party in (*source.own, *source.shared):
            del self._parties[party][item]
            if not self._parties[party]:
                del self._parties[party]
        self._unproven -= not proven
        self._queues[source.host][source.seller].running -= 1
        self._drop_if_idle(source.host, source.seller)

    def release(self, slots: int = 1) -> None:
        """Free slots."""
        self._free_slots += slots

    @property
    def overloaded(self) -> bool:
        """Whether so many items wait that they could become all events in flight of a worker."""
        return self.waiting > self._limits.max_queued_total

    def reject_stuck(self, now: float) -> list[tuple[Item, HostUnavailable]]:
        """Remove and return the items that must not wait any longer, with the reason.

        These are all items of a host that is away, and the last ones of a party that is slow (while the queues are
        overloaded also: silent) and has too many waiting.
        """
        rejected: list[tuple[Item, HostUnavailable]] = []
        blocking = self._silent if self.overloaded else self._slow
        blocking_parties = {party for party in self._parties if blocking(party, now)}
        counts: Counter[str] = Counter()
        for host, queues in list(self._queues.items()):
            for seller, queue in list(queues.items()):
                if queue.waiting and (left := self._hosts.away_for(host, now, seller)) > 0:
                    away = f"{host} is away"
                    rejected += [(item, HostUnavailable(away, retry_after=left)) for _, item in queue.waiting]
                    queue.waiting.clear()
                elif queue.waiting:
                    rejected += self._shorten(queue, counts, blocking_parties, now)
                self._drop_if_idle(host, seller)
        self.waiting -= len(rejected)
        return rejected

    def remove(self, obsolete: Callable[[str, Item], bool]) -> list[Item]:
        """Remove and return the queued items for which `obsolete(host, item)` is true."""
        removed: list[Item] = []
        for host, queues in list(self._queues.items()):
            for seller, queue in list(queues.items()):
                remaining: deque[tuple[PictureSource, Item]] = deque()
                for source, item in queue.waiting:
                    if obsolete(host, item):
                        removed.append(item)
                    else:
                        remaining.append((source, item))
                queue.waiting = remaining
                self._drop_if_idle(host, seller)
        self.waiting -= len(removed)
        return removed

    def _shorten(
        self, queue: _Queue[Item], counts: "Counter[str]", blocking_parties: set[str], now: float
    ) -> list[tuple[Item, HostUnavailable]]:
        """Remove the last items of a queue that are over the limits; `counts` are those kept of each party so far."""
        source = queue.waiting[-1][0]
        parties = [
            party
            for party in self._bounding_parties(source, now)
            if party in blocking_parties or self._shares.failing(party)
        ]
        if not parties:
            return []
        allowed = min(
            self._limits.max_queued - max(counts[party] for party in parties),
            self._limits.max_queued_total - counts[""],
        )
        rejected: list[tuple[Item, HostUnavailable]] = []
        while len(queue.waiting) > max(allowed, 0):
            why = (
                f"{source.host}, or what it shares its domain, address or seller with, is slow: too many pictures wait"
            )
            rejected.append((queue.waiting.pop()[1], HostUnavailable(why, overloaded=True)))
        counts.update(dict.fromkeys([*parties, ""], len(queue.waiting)))
        return rejected

    def _bounding_parties(self, source: PictureSource, now: float) -> tuple[str, ...]:
        """The parties whose shares count: a host that delivers is not bound by others of its domain or address."""
        return source.own if self._shares.proven(source.host, now) else (*source.own, *source.shared)

    def _start_one(self, host: str, now: float, started: list[Item]) -> bool:
        """Start the next item of a host; False if none may start."""
        queues: Mapping[str, _Queue[Item]] = self._queues.get(host, {})
        first = next((queue for queue in queues.values() if queue.waiting), None)
        if first is None:
            return False
        proven = self._shares.proven(host, now)
        if not proven and self._unproven >= self._slots // 2:
            return False
        if not self._hosts.may_ask(host, now, len(self._parties.get(host, ()))):
            return False
        bounds = (host,) if proven else (host, *first.waiting[0][0].shared)
        allowance = min(self._allowance(party, now) for party in bounds)
        if not allowance:
            return False
        for seller, queue in queues.items():
            if queue.waiting and allowance > bool(queue.running) and self._seller_may(host, seller, queue, now):
                started.append(self._begin(host, seller, now, proven=proven))
                return True
        return False

    def _seller_may(self, host: str, seller: str, queue: _Queue[Item], now: float) -> bool:
        if not seller:
            return True
        if not self._hosts.may_ask(host, now, queue.running, seller):
            return False
        return self._allowance(f"seller {seller}", now) > bool(queue.running)

    def _allowance(self, party: str, now: float) -> int:
        """2: a share is left. 1: only for a host and seller without a running fetch. 0: none."""
        running, share = self._parties.get(party, {}), self._shares.share(party, now)
        if len(running) < share:
            return 2
        if len(running) >= self._slots // 4:
            return 0
        young = sum(now - began < self._limits.young_seconds for began in running.values())
        return 1 if young < share else 0

    def _begin(self, host: str, seller: str, now: float, *, proven: bool) -> Item:
        queue = self._queues[host][seller]
        source, item = queue.waiting.popleft()
        self._running[item] = (source, now, proven)
        for party in (*source.own, *source.shared):
            self._parties.setdefault(party, {})[item] = now
        self._unproven += not proven
        self._free_slots -= 1
        self.waiting -= 1
        queue.running += 1
        self._queues[host].move_to_end(seller)
        self._queues.move_to_end(host)
        return item

    def _slow(self, party: str, now: float) -> bool:
        """Whether a party was slow or failed the last times, or has not answered for long."""
        if self._shares.failing(party):
            return True
        running = self._parties.get(party)
        return running is not None and self._shares.slow(party, next(iter(running.values())), now)

    def _silent(self, party: str, now: float) -> bool:
        """Whether a party is slow or may turn out to be: before that is certain, it could fill all events in flight."""
        running = self._parties.get(party)
        silent = running is not None and self._shares.silent(party, next(iter(running.values())), now)
        return silent or self._slow(party, now)

    def _drop_if_idle(self, host: str, seller: str) -> None:
        queue = self._queues[host][seller]
        if not queue.waiting and not queue.running:
            del self._queues[host][seller]
            if not self._queues[host]:
                del self._queues[host]
