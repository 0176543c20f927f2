"""Which collections are live, cached for a moment: a swap of the alias is followed, and not looked up by each query."""

import threading
import time
from collections.abc import Callable

from streams.errors import SlowDown
from workers.milvus.collection import Collections
from workers.server.limits import Unavailable

CACHE_SECONDS = 1.0
"""How long an alias is cached; its look-up takes about as long as a search."""


class LiveCollection:
    """The live model's collections; thread-safe. `ask` resolves the alias, None where there is none yet."""

    def __init__(self, ask: Callable[[], Collections | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._known: Collections | SlowDown | None = None
        self._until = float("-inf")

    def now(self) -> Collections:
        """What is live, at most `CACHE_SECONDS` old.

        Raises Unavailable before any model is live, SlowDown if Milvus is away.

        A failure is cached as long: otherwise each query that waits would wait for a failure of its own, one by one.
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
        self._known, self._until = known, self._clock() + CACHE_SECONDS
        return known
