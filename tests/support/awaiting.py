"""Waiting for what must become true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(probe: Callable[[], Found], what: str, *, seconds: float = 60.0, pause: float = 0.05) -> Found:
    """What `probe` returns, once that is true; the test fails, naming `what`, when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what} (at last: {found!r})"
        time.sleep(pause)
    return found
