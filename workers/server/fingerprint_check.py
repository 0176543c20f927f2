"""Whether this server's encoders are the ones that filled the collections, checked again each minute: a collection may
be replaced by that of another encoder."""

import time
from collections.abc import Callable

from schemas.fingerprint import Fingerprint, difference
from workers.milvus.collection import Collections

KNOWN_SECONDS = 60.0


class FingerprintCheck:
    """Compares fingerprints with those stored beside the collections; thread-safe."""

    def __init__(
        self, ask: Callable[[Collections], Fingerprint | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`ask` reads the fingerprint stored beside a collection; None if there is none: then nothing differs."""
        self._ask, self._clock = ask, clock
        self._known: dict[Collections, tuple[float, str | None]] = {}

    def problem(self, collections: Collections, computed: Fingerprint) -> str | None:
        """Both cosines in words if the encoder that computed this is another; raises SlowDown where Milvus is away."""
        until, problem = self._known.get(collections, (float("-inf"), None))
        if self._clock() < until:
            return problem
        kept = self._ask(collections)
        problem = None if kept is None else difference(kept, computed)
        self._known[collections] = self._clock() + KNOWN_SECONDS, problem
        return problem
