"""The lease: a worker writes only if its membership in the group was proven a moment ago.

A worker that was frozen, or that can't reach Kafka, loses its partitions without noticing, and its next write could
conflict with the new owner's. A successful commit proves membership, because the broker checks the generation. So
nothing is written later than `HOLD_SECONDS` after the last such commit was sent.
"""

import time
from collections.abc import Callable

from streams.errors import SlowDown

HOLD_SECONDS = 6.0
"""Below the session timeout of 10 s less one heartbeat of 3 s, when another worker can own the partitions at the
earliest."""
RENEW_SECONDS = 2.0
"""The interval of renewals: one or two may fail before the lease ends."""


class Lease:
    """Set by the event loop, read by the thread that writes; a float is read and set whole."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._proven_at = float("-inf")

    @property
    def due(self) -> bool:
        """Whether the lease should be renewed by a commit, even without a new offset."""
        return self._clock() - self._proven_at >= RENEW_SECONDS

    @property
    def held(self) -> bool:
        """Whether the lease is valid: no other worker can own the partitions yet."""
        return self._clock() - self._proven_at <= HOLD_SECONDS

    def renew(self, asked_at: float) -> None:
        """Renew after a successful commit; `asked_at` is when it was sent, not when the answer came."""
        self._proven_at = max(self._proven_at, asked_at)

    def lose(self) -> None:
        """End the lease: the partitions were revoked."""
        self._proven_at = float("-inf")

    def require(self) -> None:
        """Raises SlowDown while the lease is not held."""
        if not self.held:
            raise SlowDown(f"the group has not confirmed for {HOLD_SECONDS:.0f} s that our partitions are ours")
