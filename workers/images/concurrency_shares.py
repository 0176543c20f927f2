"""How many fetches at a time each party has earned: a host, a domain, an address, a seller. Pure.

Quick answers earn a place each, slow ones and failures halve what was earned. Used on one event loop; the clock
(`now`, monotonic seconds) is passed in.
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
    """When its last picture came quickly."""


class ConcurrencyShares:
    """Keeps at most `limits.remembered` parties; those that have delivered lately are forgotten last."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._new: OrderedDict[str, _Party] = OrderedDict()
        self._proven: OrderedDict[str, _Party] = OrderedDict()

    def share(self, party: str, now: float) -> int:
        """How many fetches may be under way for a party."""
        known = self._get(party)
        if known is None:
            return self._limits.share_first
        return max(known.share, self._limits.share_first) if self.proven(party, now) else known.share

    def proven(self, party: str, now: float) -> bool:
        """Whether a picture came quickly from a party, not long ago."""
        known = self._proven.get(party)
        return known is not None and now - known.quick_at <= self._limits.proven_seconds

    def failing(self, party: str) -> bool:
        """Whether a party was slow or failed the last times."""
        known = self._get(party)
        return known is not None and known.share < self._limits.share_first

    def slow(self, party: str, oldest: float, now: float) -> bool:
        """Whether nothing has come from a party for long; `oldest` is when its oldest fetch under way began."""
        return self._silence(party, oldest, now) > self._limits.slow_seconds

    def silent(self, party: str, oldest: float, now: float) -> bool:
        """Whether nothing has come from a party that is asked, for longer than one that is well ever takes."""
        patience = self._limits.young_seconds if self.proven(party, now) else self._limits.silent_seconds
        return self._silence(party, oldest, now) > patience

    def _silence(self, party: str, oldest: float, now: float) -> float:
        known = self._get(party)
        return now - max(oldest, known.answered_at if known else oldest)

    def answered(self, parties: Iterable[str], seconds: float, now: float, *, picture: bool) -> None:
        """A whole fetch ended with an answer after `seconds`: a picture, or none."""
        quick = seconds <= self._limits.slow_seconds
        for name in parties:
            party = self._known(name)
            party.answered_at = now
            party.share = min(party.share + 1, self._limits.share_most) if quick else self._halved(party)
            if quick and picture:
                party.quick_at = now
                self._new.pop(name, None)
                self._proven[name] = party
                self._proven.move_to_end(name)
                if len(self._proven) > self._limits.remembered:
                    self._proven.popitem(last=False)

    def failed(self, parties: Iterable[str]) -> None:
        """A whole fetch ended without an answer, or gave its place up."""
        for name in parties:
            party = self._known(name)
            party.share = self._halved(party)

    def _halved(self, party: _Party) -> int:
        return max(party.share // 2, self._limits.share_least)

    def _get(self, name: str) -> _Party | None:
        return self._proven.get(name) or self._new.get(name)

    def _known(self, name: str) -> _Party:
        party = self._get(name)
        if party is None:
            party = self._new[name] = _Party(self._limits.share_first)
            if len(self._new) > self._limits.remembered:
                self._new.popitem(last=False)
        return party
