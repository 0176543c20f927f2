"""What is known of each image host: whether it is away, and how many fetches at a time it has earned. Pure.

A circuit breaker: failures in a row open it, nothing is asked while it is open, after a growing pause one probe goes
out, and its success closes it. Used on one event loop; the clock (`now`, monotonic seconds) is passed in.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.failures import SlowDown
from workers.images.limits import HostLimits


class HostAway(SlowDown):
    """Slow down, but for one image host alone: the event is put back, and its partition moves on."""

    def __init__(
        self, message: str, *, attempts: int = 0, retry_after: float | None = None, crowded: bool = False
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.attempts = attempts
        """How often the picture was asked for, this time."""
        self.crowded = crowded
        """The host delivers, but slower than events come: no reason to give one of them up."""


@dataclass(slots=True)
class _Host:
    share: int
    failures: int = 0
    """In a row."""
    pictures: set[int] = field(default_factory=set)
    """Of the failures in a row; as many as matter."""
    openings: int = 0
    """Since the last success."""
    open_until: float = 0.0
    wait_until: float = 0.0
    """The latest that it asked us to wait for, since the last success."""
    asked: dict[int, float] = field(default_factory=dict)
    """Attempts that are under way, oldest first, with their beginnings."""
    probe: int = 0
    """The attempt that is the probe, of a host that was away; 0 where there is none."""
    delivered_at: float = 0.0


class Hosts:
    """Keeps at most `limits.remembered` hosts; `changed(host, away)` is told when one is found away, or back."""

    def __init__(self, limits: HostLimits, changed: Callable[[str, bool], None] = lambda _host, _away: None) -> None:
        self._limits, self._changed = limits, changed
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._attempts = 0

    @property
    def away(self) -> int:
        """How many hosts are away: open, or open until their probe succeeds."""
        return sum(host.openings > 0 for host in self._hosts.values())

    def away_for(self, name: str, now: float) -> float:
        """Seconds for which nothing may be asked of a host; 0 where it may be."""
        host = self._hosts.get(name)
        return max(0.0, host.open_until - now) if host else 0.0

    def share(self, name: str, now: float) -> int:
        """How many fetches from a host may be under way: none while it is away, one to probe it."""
        host = self._hosts.get(name)
        if host is None:
            return self._limits.share_first
        if host.openings:
            return 0 if host.open_until > now else 1
        return host.share

    def struggles(self, name: str, now: float) -> bool:
        """Whether a host is slow or failing, so that what waits for it may wait long."""
        host = self._hosts.get(name)
        if host is None:
            return False
        if host.openings or host.share < self._limits.share_first:
            return True
        oldest = next(iter(host.asked.values()), now)
        return now - max(oldest, host.delivered_at) > self._limits.slow_seconds

    def begin(self, name: str, now: float) -> int:
        """An attempt begins; its number is for `end`. Raises HostAway where nothing may be asked."""
        host = self._known(name)
        if left := max(0.0, host.open_until - now):
            raise HostAway(f"{name} is away", retry_after=left)
        if host.openings and host.probe:
            raise HostAway(f"{name} is away, and being probed")
        self._attempts += 1
        host.asked[self._attempts] = now
        if host.openings:
            host.probe = self._attempts
        return self._attempts

    def end(self, name: str, attempt: int) -> None:
        """An attempt is over, whatever came of it."""
        host = self._hosts[name]  # a host with attempts under way is never forgotten
        del host.asked[attempt]
        if host.probe == attempt:
            host.probe = 0

    def succeeded(self, name: str, seconds: float, now: float) -> None:
        """A host answered, in `seconds`: with a picture, or in words that are no failure of its own."""
        host = self._known(name)
        was_away, slow = host.openings > 0, seconds > self._limits.slow_seconds
        host.failures, host.openings, host.open_until, host.wait_until = 0, 0, 0.0, 0.0
        host.pictures.clear()
        host.delivered_at = now
        host.share = self._halved(host) if slow else min(host.share + 1, self._limits.share_most)
        if was_away:
            self._changed(name, False)

    def failed(self, name: str, picture: str, now: float, *, retry_after: float = 0.0) -> None:
        """An attempt failed by the host's fault: no connection, no answer in time, or one that says it can't."""
        host = self._known(name)
        host.failures += 1
        if len(host.pictures) < self._limits.of_pictures:
            host.pictures.add(hash(picture))
        host.share = self._halved(host)
        host.wait_until = max(host.wait_until, now + retry_after)
        if host.open_until > now:  # begun before it was found away: that is known
            return
        enough = host.failures >= self._limits.open_after and len(host.pictures) >= self._limits.of_pictures
        if host.openings or enough:
            pause = self._limits.pauses[min(host.openings, len(self._limits.pauses) - 1)]
            host.openings += 1
            host.open_until = max(now + pause, host.wait_until)
            self._changed(name, True)

    def _halved(self, host: _Host) -> int:
        return max(host.share // 2, self._limits.share_least)

    def _known(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(self._limits.share_first)
            if len(self._hosts) > self._limits.remembered:
                self._forget_one()
        self._hosts.move_to_end(name)
        return host

    def _forget_one(self) -> None:
        for name, host in self._hosts.items():  # those with attempts under way are few
            if not host.asked and host is not next(reversed(self._hosts.values())):
                del self._hosts[name]
                return
