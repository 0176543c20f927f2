"""Which collections are live, known for a moment: so a swap of the alias is followed, and not asked for each time."""

import threading
import time
from collections.abc import Callable

from streams.errors import SlowDown
from workers.milvus.collection import Collections
from workers.server.limits import Unavailable

KEPT_SECONDS = 1.0
"""So long after it was asked for an alias is believed; its look-up takes about as long as a search."""


class Live:
    """The live model's collections; asked from any thread. `ask` resolves the alias, None where there is none yet."""

    def __init__(self, ask: Callable[[], Collections | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._known: Collections | SlowDown | None = None
        self._until = float("-inf")

    def now(self) -> Collections:
        """What is live, at most `KEPT_SECONDS` old; raises Later before any model is, SlowDown where Milvus is away.

        A failure is believed as long: else everybody who waits would wait for a failure of their own, one by one.
        """
        known = self._fresh()
        if known is None:
            with self._lock:  # one asks, the others wait for it
                known = self._fresh() or self._look()
        if isinstance(known, SlowDown):
            raise known
        return known

    def forget(self) -> None:
        """Ask again at the next call: the collection that was live is gone."""
        self._until = float("-inf")

    def _fresh(self) -> Collections | SlowDown | None:
        return self._known if self._clock() < self._until else None

    def _look(self) -> Collections | SlowDown:
        known: Collections | SlowDown
        try:
            known = self._ask() or Unavailable("nothing is indexed yet: no model is live")
        except SlowDown as away:
            known = away
        self._known, self._until = known, self._clock() + KEPT_SECONDS
        return known
