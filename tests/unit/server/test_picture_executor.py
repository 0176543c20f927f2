"""Queries by picture are shared fairly: one visitor's slow pictures block no other visitor."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from workers.images.decoder_pool import DecodeCall, DecodeCancelled
from workers.images.limits import DecodeLimits
from workers.server.limits import Unavailable
from workers.server.picture_executor import PictureExecutor

LIMITS = DecodeLimits(slow_seconds=0.1, budget_seconds=0.1)
MAX_RUNNING = 8


class Decoder:
    """A decoder that is busy until it is terminated."""

    def __init__(self) -> None:
        self.terminated = threading.Event()

    def terminate(self) -> None:
        """As if its process was killed."""
        self.terminated.set()


class Slow:
    """A picture whose decoding lasts until `over` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, call: DecodeCall) -> str:
        """Decode the picture."""
        decoder: Any = Decoder()
        with call.running_in(decoder):
            while not self.over.is_set():
                if decoder.terminated.wait(0.02):
                    raise DecodeCancelled
        return "slow"


def quick(_call: DecodeCall) -> str:
    """A picture that takes no time."""
    return "quick"


def run(scenario: Callable[[PictureExecutor], Coroutine[Any, Any, None]], limits: DecodeLimits = LIMITS) -> None:
    """With an executor of two threads."""

    async def run_scenario() -> None:
        executor = PictureExecutor(2, MAX_RUNNING, limits)
        await scenario(executor)
        executor.close()

    asyncio.run(run_scenario())


async def slow_queries(executor: PictureExecutor, slow: Slow, sources: list[str]) -> list["asyncio.Task[str]"]:
    """Start a slow picture of each source."""
    tasks = [asyncio.create_task(executor.run(source, slow)) for source in sources]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("names", [1, MAX_RUNNING - 2])
def test_slow_pictures_block_no_other_visitor(names: int) -> None:
    """Pictures that never finish fill all slots, of one visitor or several: another visitor is answered."""

    async def scenario(executor: PictureExecutor) -> None:
        slow = Slow()
        try:
            assert await executor.run("known", quick) == "quick"
            taken = await slow_queries(executor, slow, [f"maker{number % names}" for number in range(MAX_RUNNING)])
            for _ in range(5):
                assert await asyncio.wait_for(executor.run("known", quick), 20) == "quick"
        finally:
            slow.over.set()
        answers = await asyncio.gather(*taken, return_exceptions=True)
        assert {answer if isinstance(answer, str) else type(answer) for answer in answers} == {"slow", Unavailable}

    run(scenario)


def test_a_single_visitor_may_use_all_slots() -> None:
    """One query more is refused until a slot is free."""

    async def scenario(executor: PictureExecutor) -> None:
        slow = Slow()
        try:
            taken = await slow_queries(executor, slow, ["shop"] * MAX_RUNNING)
            with pytest.raises(Unavailable, match="too many requests"):
                await executor.run("shop", quick)
        finally:
            slow.over.set()
        assert await asyncio.gather(*taken) == ["slow"] * MAX_RUNNING
        assert await executor.run("shop", quick) == "quick"

    run(scenario, replace(LIMITS, slow_seconds=60))


def test_a_visitor_who_disconnects_frees_no_thread() -> None:
    """A query counts until its thread is free."""

    async def scenario(executor: PictureExecutor) -> None:
        slow = Slow()
        try:
            for each in await slow_queries(executor, slow, ["shop"] * MAX_RUNNING):
                each.cancel()
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="too many requests"):
                await executor.run("shop", quick)
        finally:
            slow.over.set()

    run(scenario, replace(LIMITS, slow_seconds=60))


def test_an_error_is_raised_and_frees_the_slot() -> None:
    """More failures than slots, one after the other."""

    def fails(_call: DecodeCall) -> str:
        raise ValueError("no picture")

    async def scenario(executor: PictureExecutor) -> None:
        for _ in range(2 * MAX_RUNNING):
            with pytest.raises(ValueError, match="no picture"):
                await executor.run("shop", fails)

    run(scenario)
