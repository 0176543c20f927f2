"""Signals that stop a process: the first stops it, later ones do not disturb the shutdown."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from workers.process.shutdown import STOP_SIGNALS, on_stop_signal, stop_event


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers are restored after each test."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", STOP_SIGNALS)
def test_the_first_signal_counts(first: signal.Signals) -> None:
    """All later ones are ignored, of either kind."""
    calls: list[str] = []
    on_stop_signal(lambda: calls.append("stop"))
    for number in (first, *STOP_SIGNALS):
        signal.raise_signal(number)
    assert calls == ["stop"]


def test_an_event_loop_is_woken() -> None:
    """A loop that waits for nothing else continues."""

    async def scenario() -> None:
        stop = stop_event()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 10)

    asyncio.run(scenario())
    signal.raise_signal(signal.SIGTERM)  # the loop is closed: nothing is raised
