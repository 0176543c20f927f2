"""Which image hosts are away. Pure.

A circuit breaker: failures in a row open it, nothing is asked while it is open, after a growing pause one probe goes
out, and its success closes it. It opens for all only when pictures of several sellers fail: what one seller publishes
closes a host for that seller. Used on one event loop; the clock (`now`, monotonic seconds) is passed in.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.errors import SlowDown
from workers.images.limits import HostLimits


class HostUnavailable(SlowDown):
    """Slow down, but for one image host alone: the event is put back, and its partition moves on."""

    def __init__(
        self, message: str, *, attempts: int = 0, retry_after: float | None = None, crowded: bool = False
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.attempts = attempts
        """How often the picture was asked for, this time."""
        self.overloaded = crowded
        """The host delivers, but slower than events come: no reason to give one of them up."""


@dataclass(slots=True)
class _Host:
    failures: int = 0
    """In a row."""
    pictures: set[int] = field(default_factory=set)
    """Of the failures in a row; as many as matter."""
    sellers: set[str] = field(default_factory=set)
    """Likewise. A picture whose seller is not known counts as one of its own."""
    openings: int = 0
    """Since the last success."""
    open_until: float = 0.0
    wait_until: float = 0.0
    """The latest that it asked us to wait for, since the last success."""
    asked: set[int] = field(default_factory=set)
    """Attempts that are under way."""
    probe: int = 0
    """The attempt that is the probe, of a host that was away; 0 if there is none."""


class HostCircuitBreaker:
    """Keeps at most `limits.remembered` hosts; `changed(host, away)` is called when one is found away, or back."""

    def __init__(self, limits: HostLimits, changed: Callable[[str, bool], None] = lambda _host, _away: None) -> None:
        self._limits, self._changed = limits, changed
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._attempts = 0

    @property
    def away(self) -> int:
        """How many hosts are away: open, or open until their probe succeeds."""
        return sum(host.openings > 0 for host in self._hosts.values())

    def away_for(self, name: str, now: float, seller: str = "") -> float:
        """Seconds for which nothing may be asked of a host, or nothing for `seller`; 0 if it may be."""
        known = (self._hosts.get(each) for each in _names(name, seller))
        return max((0.0, *(host.open_until - now for host in known if host)))

    def may_ask(self, name: str, now: float, under_way: int, seller: str = "") -> bool:
        """Whether one more may be asked of a host: none while it is away, one to probe it."""
        for each in _names(name, seller):
            host = self._hosts.get(each)
            if host and host.openings and (host.open_until > now or host.probe or under_way):
                return False
        return True

    def begin(self, name: str, now: float, seller: str = "") -> int:
        """An attempt begins; its number is for `end`. Raises HostAway if nothing may be asked."""
        hosts = [self._known(each) for each in _names(name, seller)]
        if left := max(0.0, *(host.open_until - now for host in hosts)):
            raise HostUnavailable(f"{name} is away", retry_after=left)
        if any(host.openings and host.probe for host in hosts):
            raise HostUnavailable(f"{name} is away, and being probed")
        self._attempts += 1
        for host in hosts:
            host.asked.add(self._attempts)
            if host.openings:
                host.probe = self._attempts
        return self._attempts

    def end(self, name: str, attempt: int, seller: str = "") -> None:
        """An attempt is over, whatever came of it."""
        for each in _names(name, seller):
            host = self._hosts[each]  # a host with attempts under way is never forgotten
            host.asked.discard(attempt)
            if host.probe == attempt:
                host.probe = 0

    def succeeded(self, name: str, seller: str = "") -> None:
        """A host answered: with a picture, or in words that are no failure of its own."""
        for each in _names(name, seller):
            host = self._known(each)
            was_away = host.openings > 0
            host.failures, host.openings, host.open_until, host.wait_until = 0, 0, 0.0, 0.0
            host.pictures.clear()
            host.sellers.clear()
            if was_away and each == name:
                self._changed(name, False)

    def failed(self, name: str, picture: str, now: float, *, seller: str = "", retry_after: float = 0.0) -> None:
        """An attempt failed by the host's fault: no connection, no answer in time, or one that says it can't."""
        for each in _names(name, seller):
            host = self._known(each)
            host.failures += 1
            if len(host.pictures) < self._limits.of_pictures:
                host.pictures.add(hash(picture))
            if len(host.sellers) < self._limits.of_sellers:
                host.sellers.add(seller or picture)
            host.wait_until = max(host.wait_until, now + retry_after)
            if host.open_until > now:  # begun before it was found away: that is known
                continue
            several = each != name or len(host.sellers) >= self._limits.of_sellers
            enough = host.failures >= self._limits.open_after and len(host.pictures) >= self._limits.of_pictures
            if host.openings or (enough and several):
                pause = self._limits.pauses[min(host.openings, len(self._limits.pauses) - 1)]
                host.openings += 1
                host.open_until = max(now + pause, host.wait_until)
                if each == name:
                    self._changed(name, True)

    def _known(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host()
            if len(self._hosts) > self._limits.remembered:
                self._forget_one()
        self._hosts.move_to_end(name)
        return host

    def _forget_one(self) -> None:
        for name, host in self._hosts.items():  # those with attempts under way are few
            if not host.asked and host is not next(reversed(self._hosts.values())):
                del self._hosts[name]
                return


def _names(host: str, seller: str) -> tuple[str, ...]:
    """What an attempt counts for: the host, and the host as this seller's alone."""
    return (host, f"{seller} at {host}") if seller else (host,)
