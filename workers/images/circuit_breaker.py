"""A circuit breaker for each image host. Pure.

Consecutive failures open it; no request is sent while it is open; after a growing pause one probe is sent, and its
success closes it. It opens for all sellers only if pictures of several sellers fail: failures of one seller's pictures
open it for that seller alone. Used on one event loop; the clock (`now`, monotonic seconds) is passed in.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.errors import SlowDown
from workers.images.limits import HostLimits


class HostUnavailable(SlowDown):
    """One image host is away or overloaded: the event is requeued, and its partition moves on."""

    def __init__(
        self, message: str, *, attempts: int = 0, retry_after: float | None = None, overloaded: bool = False
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.attempts = attempts
        """How often the picture was requested, this time."""
        self.overloaded = overloaded
        """The host delivers, but more slowly than events arrive: no reason to dead-letter one of them."""


@dataclass(slots=True)
class _Host:
    failures: int = 0
    """Consecutive failures."""
    pictures: set[int] = field(default_factory=set)
    """Hashes of the pictures of these failures, at most `distinct_pictures`."""
    sellers: set[str] = field(default_factory=set)
    """The sellers of these failures, at most `distinct_sellers`; a picture without a known seller counts as one."""
    openings: int = 0
    """How often it opened since the last success."""
    open_until: float = 0.0
    wait_until: float = 0.0
    """The latest time until which the host has asked us to wait, since the last success."""
    attempts: set[int] = field(default_factory=set)
    """Attempts in progress."""
    probe: int = 0
    """The attempt that probes a host that is away; 0 if there is none."""


class HostCircuitBreaker:
    """The breakers of at most `limits.remembered` hosts; `changed(host, away)` is called when one opens or closes."""

    def __init__(self, limits: HostLimits, changed: Callable[[str, bool], None] = lambda _host, _away: None) -> None:
        self._limits, self._changed = limits, changed
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._attempts = 0

    @property
    def away(self) -> int:
        """How many hosts are away: their breaker has opened, and no probe has succeeded since."""
        return sum(host.openings > 0 for host in self._hosts.values())

    def away_for(self, name: str, now: float, seller: str = "") -> float:
        """Seconds until a host may be asked again, for `seller`; 0 if it may be asked now."""
        hosts = (self._hosts.get(key) for key in _keys(name, seller))
        return max((0.0, *(host.open_until - now for host in hosts if host)))

    def may_ask(self, name: str, now: float, running: int, seller: str = "") -> bool:
        """Whether a host with `running` requests may be sent another: none while it is away, one to probe it."""
        for key in _keys(name, seller):
            host = self._hosts.get(key)
            if host and host.openings and (host.open_until > now or host.probe or running):
                return False
        return True

    def begin(self, name: str, now: float, seller: str = "") -> int:
        """Begin an attempt; returns its number, for `end`. Raises HostUnavailable if the host may not be asked."""
        hosts = [self._host(key) for key in _keys(name, seller)]
        if left := max(0.0, *(host.open_until - now for host in hosts)):
            raise HostUnavailable(f"{name} is away", retry_after=left)
        if any(host.openings and host.probe for host in hosts):
            raise HostUnavailable(f"{name} is away, and being probed")
        self._attempts += 1
        for host in hosts:
            host.attempts.add(self._attempts)
            if host.openings:
                host.probe = self._attempts
        return self._attempts

    def end(self, name: str, attempt: int, seller: str = "") -> None:
        """End an attempt, whatever its result."""
        for key in _keys(name, seller):
            host = self._hosts[key]  # a host with attempts in progress is never evicted
            host.attempts.discard(attempt)
            if host.probe == attempt:
                host.probe = 0

    def succeeded(self, name: str, seller: str = "") -> None:
        """A host answered: with a picture, or with an error that is not the host's."""
        for key in _keys(name, seller):
            host = self._host(key)
            was_away = host.openings > 0
            host.failures, host.openings, host.open_until, host.wait_until = 0, 0, 0.0, 0.0
            host.pictures.clear()
            host.sellers.clear()
            if was_away and key == name:
                self._changed(name, False)

    def failed(self, name: str, picture: str, now: float, *, seller: str = "", retry_after: float = 0.0) -> None:
        """An attempt failed because of the host: no connection, no answer in time, or an error of its own."""
        for key in _keys(name, seller):
            host = self._host(key)
            host.failures += 1
            if len(host.pictures) < self._limits.distinct_pictures:
                host.pictures.add(hash(picture))
            if len(host.sellers) < self._limits.distinct_sellers:
                host.sellers.add(seller or picture)
            host.wait_until = max(host.wait_until, now + retry_after)
            if host.open_until > now:  # this attempt began before the breaker opened
                continue
            several_sellers = key != name or len(host.sellers) >= self._limits.distinct_sellers
            enough = host.failures >= self._limits.open_after and len(host.pictures) >= self._limits.distinct_pictures
            if host.openings or (enough and several_sellers):
                pause = self._limits.pauses[min(host.openings, len(self._limits.pauses) - 1)]
                host.openings += 1
                host.open_until = max(now + pause, host.wait_until)
                if key == name:
                    self._changed(name, True)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host()
            if len(self._hosts) > self._limits.remembered:
                self._evict_oldest()
        self._hosts.move_to_end(name)
        return host

    def _evict_oldest(self) -> None:
        for name, host in self._hosts.items():  # few have attempts in progress
            if not host.attempts and host is not next(reversed(self._hosts.values())):
                del self._hosts[name]
                return


def _keys(host: str, seller: str) -> tuple[str, ...]:
    """The breakers that an attempt counts for: that of the host, and that of the host for this seller."""
    return (host, f"{seller} at {host}") if seller else (host,)
