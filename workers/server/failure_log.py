"""The log's lines of requests that could not be answered: each failure once in a while, however many meet it."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Line:
    number: str
    at: float
    again: int = 0


class FailureLog:
    """Writes `not_answered`; used on one event loop. With Milvus away, a thousand visitors a second cost one line."""

    def __init__(self, seconds: float = 10.0, most: int = 100, clock: Callable[[], float] = time.monotonic) -> None:
        """One line in `seconds` for each failure; of `most` different ones, further ones go by their type alone."""
        self._seconds, self._most, self._clock = seconds, most, clock
        self._lines: OrderedDict[tuple[str, str, str], _Line] = OrderedDict()

    def write(self, route: str, failure: Exception) -> str:
        """Log a failure, or count it; returns the id of the line that says it, for the header `X-Request-Id`."""
        now, kind, text = self._clock(), type(failure).__name__, str(failure)
        self._forget(now)
        key = (route, kind, text)
        if key not in self._lines and len(self._lines) >= self._most:
            key = (route, kind, "")
        line = self._lines.get(key)
        if line is not None and now - line.at < self._seconds:
            line.again += 1
            return line.number
        number = secrets.token_hex(8)
        self._lines[key] = _Line(number, now)
        self._lines.move_to_end(key)
        before = {"before": line.again, "seconds": round(now - line.at)} if line and line.again else {}
        _log.warning("not_answered", request=number, route=route, kind=kind, error=text, **before)
        return number

    def _forget(self, now: float) -> None:
        """Failures that have not been met for a while; how often they were is told before."""
        while self._lines:
            key, line = next(iter(self._lines.items()))
            if now - line.at < 2 * self._seconds:
                return
            del self._lines[key]
            if line.again:
                route, kind, text = key
                _log.warning(
                    "not_answered_before", request=line.number, route=route, kind=kind, error=text, times=line.again
                )
