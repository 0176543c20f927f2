"""Unit tests leave nothing running."""

import threading
from collections.abc import Iterator

import pytest

from awaiting import eventually


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever thread a test starts has ended with it."""
    before = set(threading.enumerate())
    yield
    # The interpreter's and torch's own pools stay; ours are named.
    eventually(
        lambda: (
            not [
                each
                for each in set(threading.enumerate()) - before
                if each.name.startswith(("index-", "web", "asyncio_"))
            ]
        ),
        "no thread of ours is left",
        seconds=5,
    )
