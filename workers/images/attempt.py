"""One attempt at an image host, and whether the host is to be blamed for its failure."""

import time
from types import TracebackType

from streams.errors import BadMessage, SlowDown
from workers.images.circuit_breaker import HostCircuitBreaker
from workers.images.responses import BadAnswer


class Attempt:
    """One attempt at a host: `with` notes when it is over, and whether the host is to be blamed for its failure."""

    def __init__(self, hosts: HostCircuitBreaker, host: str, url: str, seller: str) -> None:
        self._hosts, self._host, self._url, self._seller = hosts, host, url, seller
        self._number = 0

    def __enter__(self) -> None:
        self._number = self._hosts.begin(self._host, time.monotonic(), self._seller)

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._hosts.end(self._host, self._number, self._seller)
        if isinstance(error, SlowDown) and not isinstance(error, BadAnswer):
            asked = error.retry_after or 0.0
            self._hosts.failed(self._host, self._url, time.monotonic(), seller=self._seller, retry_after=asked)
        elif error is None or isinstance(error, BadAnswer) or _answered(error):
            self._hosts.succeeded(self._host, self._seller)  # the answer may be of no use, but it is one


def _answered(error: BaseException) -> bool:
    return isinstance(error, BadMessage) and error.reason != "image-refused"
