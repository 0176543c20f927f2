"""Chance that can be drawn again: whatever is drawn for a shelf follows from its request id and the hash key.

Nobody without the key can tell what a request id will draw; with it, every draw of a recorded shelf can be recomputed.
"""

from streams.keyed_hash import HashKey

_WORD = 1 << 64


class SeededRandom:
    """The draws of one request; each `purpose` has a sequence of its own."""

    def __init__(self, key: HashKey, request_id: str) -> None:
        self.request_id = request_id
        self._key = key
        self._counts: dict[str, int] = {}

    def uniform(self, purpose: str) -> float:
        """Evenly from [0, 1), in steps of 2^-53."""
        return (self._next(purpose) >> 11) / (1 << 53)

    def bernoulli(self, purpose: str) -> bool:
        """True or False, as likely."""
        return self._next(purpose) < _WORD // 2

    def randrange(self, count: int, purpose: str) -> int:
        """0 … `count` - 1, exactly as likely each: what would favour the small ones is drawn again."""
        fair = _WORD - _WORD % count
        while (drawn := self._next(purpose)) >= fair:
            pass
        return drawn % count

    def _next(self, purpose: str) -> int:
        number = self._counts.get(purpose, 0)
        self._counts[purpose] = number + 1
        return int(self._key.of(f"draw:{purpose}:{number}:{self.request_id}")[:16], 16)
