"""The lease: a worker writes only while it was surely a member of its group a moment ago.

A worker that was frozen, or that Kafka can't reach, loses its partitions to another without knowing it, and its next
write could meet the new owner's. A commit that the broker took proves membership, for the broker checks the
generation. So nothing is written for longer than `HOLD_SECONDS` after the last such proof was asked for.
"""

import time
from collections.abc import Callable

from streams.failures import SlowDown

HOLD_SECONDS = 6.0
"""Below the session timeout of 10 s less one heartbeat of 3 s: the earliest that another worker can own our keys."""
RENEW_SECONDS = 2.0
"""A proof is asked for this often, so that one or two may fail before the lease ends."""


class Lease:
    """Set by the event loop, read by the thread that writes; a float is read and set whole."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._proven_at = float("-inf")

    @property
    def due(self) -> bool:
        """Whether a proof should be asked for, even if there is nothing to commit."""
        return self._clock() - self._proven_at >= RENEW_SECONDS

    @property
    def held(self) -> bool:
        """Whether no other worker can own our partitions yet."""
        return self._clock() - self._proven_at <= HOLD_SECONDS

    def renew(self, asked_at: float) -> None:
        """The broker took us for a member; what counts is when it was asked, not when the answer came."""
        self._proven_at = max(self._proven_at, asked_at)

    def lose(self) -> None:
        """The partitions are gone: what was proven counts no more."""
        self._proven_at = float("-inf")

    def require(self) -> None:
        """Raises SlowDown while the lease is not held."""
        if not self.held:
            raise SlowDown(f"the group has not confirmed for {HOLD_SECONDS:.0f} s that our partitions are ours")
