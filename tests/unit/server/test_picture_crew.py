"""Queries by picture in turns: one visitor's slow pictures take neither all decoders nor all places of others."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from workers.images.decoder_pool import Call, GivenUp
from workers.images.limits import DecodeLimits
from workers.server.limits import Unavailable
from workers.server.picture_executor import PictureCrew

LIMITS = DecodeLimits(slow_seconds=0.1, budget_seconds=0.1)
PLACES = 8


class Decoder:
    """Holds a picture until it is ended."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def end(self) -> None:
        """As a killed process."""
        self.ended.set()


class Slow:
    """A picture that is decoded until it is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, call: Call) -> str:
        """As the work of a query."""
        decoder: Any = Decoder()
        with call.held(decoder):
            while not self.over.is_set():
                if decoder.ended.wait(0.02):
                    raise GivenUp
        return "slow"


def quick(_call: Call) -> str:
    """None at all."""
    return "quick"


def run(scenario: Callable[[PictureCrew], Coroutine[Any, Any, None]], limits: DecodeLimits = LIMITS) -> None:
    """With a crew of two threads."""

    async def whole() -> None:
        crew = PictureCrew(2, PLACES, limits)
        await scenario(crew)
        crew.close()

    asyncio.run(whole())


async def asked(crew: PictureCrew, slow: Slow, sources: list[str]) -> list["asyncio.Task[str]"]:
    """A slow picture of each, in work."""
    tasks = [asyncio.create_task(crew.run(source, slow)) for source in sources]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("names", [1, PLACES - 2])
def test_slow_pictures_keep_out_nobody_else(names: int) -> None:
    """As many as there are places, which would never end, of one visitor or of as many as may be made up: another one
    is answered."""

    async def scenario(crew: PictureCrew) -> None:
        slow = Slow()
        try:
            assert await crew.run("known", quick) == "quick"
            taken = await asked(crew, slow, [f"maker{number % names}" for number in range(PLACES)])
            for _ in range(5):
                assert await asyncio.wait_for(crew.run("known", quick), 20) == "quick"
        finally:
            slow.over.set()
        answers = await asyncio.gather(*taken, return_exceptions=True)
        assert {answer if isinstance(answer, str) else type(answer) for answer in answers} == {"slow", Unavailable}

    run(scenario)


def test_one_who_is_alone_has_all_places() -> None:
    """Nothing is kept free for nobody; one more is told to come back, until there is a place."""

    async def scenario(crew: PictureCrew) -> None:
        slow = Slow()
        try:
            taken = await asked(crew, slow, ["shop"] * PLACES)
            with pytest.raises(Unavailable, match="too many requests"):
                await crew.run("shop", quick)
        finally:
            slow.over.set()
        assert await asyncio.gather(*taken) == ["slow"] * PLACES
        assert await crew.run("shop", quick) == "quick"

    run(scenario, replace(LIMITS, slow_seconds=60))


def test_a_visitor_who_leaves_frees_no_thread() -> None:
    """What he asked for is in work until it is done."""

    async def scenario(crew: PictureCrew) -> None:
        slow = Slow()
        try:
            for each in await asked(crew, slow, ["shop"] * PLACES):
                each.cancel()
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="too many requests"):
                await crew.run("shop", quick)
        finally:
            slow.over.set()

    run(scenario, replace(LIMITS, slow_seconds=60))


def test_what_fails_is_told() -> None:
    """And its place is free again."""

    def fails(_call: Call) -> str:
        raise ValueError("no picture")

    async def scenario(crew: PictureCrew) -> None:
        for _ in range(2 * PLACES):
            with pytest.raises(ValueError, match="no picture"):
                await crew.run("shop", fails)

    run(scenario)
