"""Which event may start on its pictures next: places in work, shared fairly between image hosts. Pure.

An event waits in its host's line without a place. While more than half of the places are free, whoever comes may
have one; after that a host gets no more than its share (`Hosts.share`). So the pictures of one busy host use most of
the places, and those of a slow one can't keep the others out. Used on one event loop.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from workers.images.hosts import HostAway, Hosts
from workers.images.limits import HostLimits

Item = TypeVar("Item")


class Lines(Generic[Item]):
    """`join` a line, `start` what may, say when it was `fetched` (the host) and when its place is free (`give`)."""

    def __init__(self, hosts: Hosts, places: int, limits: HostLimits) -> None:
        self._hosts, self._limits = hosts, limits
        self._places = self._free = places
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()
        self._fetching: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait in all lines."""
        return sum(map(len, self._lines.values()))

    def join(self, host: str, item: Item) -> None:
        """Wait for a place, behind those that wait for the same host."""
        self._lines.setdefault(host, deque()).append(item)

    def start(self, now: float) -> list[tuple[str, Item]]:
        """All that may start, in turns between the hosts; each has a place, and counts for its host."""
        started: list[tuple[str, Item]] = []
        while self._free and (host := self._next_host(now)) is not None:
            line = self._lines[host]
            started.append((host, line.popleft()))
            self._free -= 1
            self._fetching[host] += 1
            self._lines.move_to_end(host)
            if not line:
                del self._lines[host]
        return started

    def fetched(self, host: str) -> None:
        """A fetch is over: its host may be asked for the next; its place is still taken."""
        self._fetching[host] -= 1
        if not self._fetching[host]:
            del self._fetching[host]

    def give(self, places: int = 1) -> None:
        """Places are free again."""
        self._free += places

    def turn_away(self, now: float) -> list[tuple[Item, HostAway]]:
        """Whoever must not wait any longer: all whose host is away, and the last of a line that grew too long."""
        turned: list[tuple[Item, HostAway]] = []
        for host, line in self._lines.items():
            if left := self._hosts.away_for(host, now):
                turned += [(item, HostAway(f"{host} is away", retry_after=left)) for item in line]
                line.clear()
            elif self._hosts.struggles(host, now):
                while len(line) > self._limits.line:
                    why = f"{host} is slow, and {self._limits.line} of its pictures wait"
                    turned.append((line.pop(), HostAway(why, crowded=True)))
        self._sweep()
        return turned

    def leave(self, gone: Callable[[str, Item], bool]) -> list[Item]:
        """Take whoever is `gone` out of their lines, and return them."""
        left: list[Item] = []
        for host, line in self._lines.items():
            staying: deque[Item] = deque()
            for item in line:
                (left if gone(host, item) else staying).append(item)
            self._lines[host] = staying
        self._sweep()
        return left

    def _next_host(self, now: float) -> str | None:
        return next((host for host in self._lines if self._may_start(host, now)), None)

    def _may_start(self, host: str, now: float) -> bool:
        under_way, share = self._fetching[host], self._hosts.share(host, now)
        if under_way < share:
            return True
        # A host that is being probed has a share of 1, however many places are free.
        return share > 1 and self._free > self._places // 2 and under_way < self._limits.share_most

    def _sweep(self) -> None:
        for host in [host for host, line in self._lines.items() if not line]:
            del self._lines[host]
