"""One attempt at an image host, reported to the circuit breaker."""

import time
from types import TracebackType

from streams.errors import BadMessage, SlowDown
from workers.images.circuit_breaker import HostCircuitBreaker
from workers.images.responses import MalformedResponse


class Attempt:
    """One attempt at a host, as a context manager; it reports to the breaker whether the host has failed."""

    def __init__(self, hosts: HostCircuitBreaker, host: str, url: str, seller: str) -> None:
        self._hosts, self._host, self._url, self._seller = hosts, host, url, seller
        self._number = 0

    def __enter__(self) -> None:
        self._number = self._hosts.begin(self._host, time.monotonic(), self._seller)

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._hosts.end(self._host, self._number, self._seller)
        if isinstance(error, SlowDown) and not isinstance(error, MalformedResponse):
            retry_after = error.retry_after or 0.0
            self._hosts.failed(self._host, self._url, time.monotonic(), seller=self._seller, retry_after=retry_after)
        elif error is None or isinstance(error, MalformedResponse) or _answered(error):
            self._hosts.succeeded(self._host, self._seller)  # useless or not, it is an answer


def _answered(error: BaseException) -> bool:
    return isinstance(error, BadMessage) and error.reason != "image-refused"
