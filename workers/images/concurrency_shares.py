"""How many concurrent fetches each party may have: a host, a domain, an address, a seller. Pure.

Additive increase, multiplicative decrease: a quick answer adds one to the share, a slow one or a failure halves it.
Used on one event loop; the clock (`now`, monotonic seconds) is passed in.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from workers.images.limits import HostLimits


@dataclass(slots=True)
class _Party:
    share: int
    answered_at: float = -math.inf
    quick_at: float = -math.inf
    """When its last quick picture arrived."""


class ConcurrencyShares:
    """The shares of at most `limits.remembered` new and as many proven parties; the oldest are evicted."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._new: OrderedDict[str, _Party] = OrderedDict()
        self._proven: OrderedDict[str, _Party] = OrderedDict()

    def share(self, party: str, now: float) -> int:
        """How many fetches of a party may run at once."""
        state = self._get(party)
        if state is None:
            return self._limits.initial_share
        return max(state.share, self._limits.initial_share) if self.proven(party, now) else state.share

    def proven(self, party: str, now: float) -> bool:
        """Whether a party has delivered a picture quickly in the last `proven_seconds`."""
        state = self._proven.get(party)
        return state is not None and now - state.quick_at <= self._limits.proven_seconds

    def failing(self, party: str) -> bool:
        """Whether the share of a party is below the initial one: it was slow or failed lately."""
        state = self._get(party)
        return state is not None and state.share < self._limits.initial_share

    def slow(self, party: str, oldest: float, now: float) -> bool:
        """Whether a party has not answered for `slow_seconds`; `oldest` is the start of its oldest running fetch."""
        return self._silence(party, oldest, now) > self._limits.slow_seconds

    def silent(self, party: str, oldest: float, now: float) -> bool:
        """Whether a party has not answered for longer than a healthy one takes; `oldest` as in `slow`."""
        limit = self._limits.young_seconds if self.proven(party, now) else self._limits.silent_seconds
        return self._silence(party, oldest, now) > limit

    def _silence(self, party: str, oldest: float, now: float) -> float:
        state = self._get(party)
        return now - max(oldest, state.answered_at if state else oldest)

    def answered(self, parties: Iterable[str], seconds: float, now: float, *, picture: bool) -> None:
        """An event's fetch ended with an answer after `seconds`; `picture` says whether it was a picture."""
        quick = seconds <= self._limits.slow_seconds
        for name in parties:
            party = self._party(name)
            party.answered_at = now
            party.share = min(party.share + 1, self._limits.max_share) if quick else self._halved(party)
            if quick and picture:
                party.quick_at = now
                self._new.pop(name, None)
                self._proven[name] = party
                self._proven.move_to_end(name)
                if len(self._proven) > self._limits.remembered:
                    self._proven.popitem(last=False)

    def failed(self, parties: Iterable[str]) -> None:
        """An event's fetch ended without an answer, or was evicted."""
        for name in parties:
            party = self._party(name)
            party.share = self._halved(party)

    def _halved(self, party: _Party) -> int:
        return max(party.share // 2, self._limits.min_share)

    def _get(self, name: str) -> _Party | None:
        return self._proven.get(name) or self._new.get(name)

    def _party(self, name: str) -> _Party:
        party = self._get(name)
        if party is None:
            party = self._new[name] = _Party(self._limits.initial_share)
            if len(self._new) > self._limits.remembered:
                self._new.popitem(last=False)
        return party
