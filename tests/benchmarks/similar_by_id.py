"""(h) How soon `lookalike serve` answers by listing: 50 requests a second, Milvus standalone, 10,000 listings.

Open loop: requests leave when they are due (Poisson), whatever became of those before, and each is timed from the
moment at which it was due. So what one slow answer makes others wait is in the figures.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator
from statistics import quantiles
from typing import Any

import aiohttp
import numpy as np

from streams.settings import Settings
from workers.local.environment import child_environment
from workers.models.folder import find_model, read_recipe

from .bench import Bench
from .processes import ROOT, Failed, Running, running
from .report import Figure

RATE = 50.0
AIM_MS = 30.0
LISTINGS, DIMENSIONS = 10_000, 192
WARM_SECONDS = 5.0


def measure(bench: Bench) -> list[Figure]:
    """Stock a collection, start the server, send requests; once as shops ask first, once with all that costs more."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))  # the standalone server is the tests' own
    from servers import standalone_milvus
    from serving import stocked

    seconds = bench.pick(60, 15)
    with standalone_milvus(bench.folder / "standalone") as uri:
        settings = bench.catalogue().model_copy(update={"milvus": uri})
        bench.say(f"(h) {LISTINGS} listings of {DIMENSIONS} numbers into Milvus standalone")
        recipe = read_recipe(find_model(settings.model))
        stocked(settings, recipe.model_id, DIMENSIONS, _rows())
        with _server(bench, settings) as (server, base):
            asyncio.run(_load(base, "", WARM_SECONDS))
            figures = []
            for name, options, aim in (
                ("similar by listing", "", f"aim p99 ≤ {AIM_MS:g} ms; open loop"),
                ("the same, at most 2 of a seller, diversity 0.3", "?per_seller=2&diversity=0.3", "open loop"),
            ):
                before = server.cpu()
                milliseconds = asyncio.run(_load(base, options, seconds))
                cpu = 1_000 * (server.cpu() - before) / len(milliseconds)
                figures += _figures(name, milliseconds, cpu, aim)
                bench.say(f"(h) {name}: {len(milliseconds)} requests, p99 {figures[-1].median:.1f} ms")
            figures.append(_recorded(base))
    return figures


def _figures(name: str, milliseconds: list[float], cpu: float, aim: str) -> list[Figure]:
    cut = quantiles(milliseconds, n=100, method="inclusive")
    note = f"p90 {cut[89]:.1f}, p95 {cut[94]:.1f}; {cpu:.1f} ms of processor in the server for each"
    return [
        Figure("h", f"{name}, p50 at {RATE:g}/s", "ms", (cut[49],), note=note),
        Figure("h", f"{name}, p99 at {RATE:g}/s", "ms", (cut[98],), note=aim),
    ]


def _recorded(base: str) -> Figure:
    """Every shelf is in Kafka: the figures are of shelves that were recorded."""
    found: dict[str, Any] = asyncio.run(_health(base))["shelves"]
    if found["unrecorded"]:
        raise Failed(f"{found['unrecorded']} shelves were not recorded: {found['problem']}")
    return Figure("h", "shelves recorded meanwhile", "", (float(found["recorded"]),))


@contextlib.contextmanager
def _server(bench: Bench, settings: Settings) -> Iterator[tuple[Running, str]]:
    ready, log = bench.path("serve.ready"), bench.path("serve.log")
    arguments = ("serve", "--port", "0", "--device", "cpu", "--ready-file", str(ready))
    with running("workers.cli", *arguments, environment=child_environment(settings), log=log) as server:
        server.wait_until(ready.exists, 120)
        yield server, json.loads(ready.read_text())["health"].removesuffix("/health")


def _rows() -> list[Any]:
    """Listings in 200 heaps, so that a query has near neighbours, as a catalogue's have."""
    from rows import row

    numbers = np.random.default_rng(5)
    heaps = numbers.normal(size=(200, DIMENSIONS))
    vectors = heaps[numbers.integers(0, 200, LISTINGS)] + 0.5 * numbers.normal(size=(LISTINGS, DIMENSIONS))
    return [
        row(
            f"m{number}",
            vector.tolist(),
            seller_id=f"s{number % 997}",
            category=f"c/{number % 50}",
            title=f"Canvas sneakers {number}, hardly worn",
            image_urls=[f"https://img.example.com/{number}/1.jpg"],
            image_hash=f"{number:064}",
        )
        for number, vector in enumerate(vectors)
    ]


async def _load(base: str, options: str, seconds: float) -> list[float]:
    """Milliseconds from when each request was due to its whole answer."""
    chance = random.Random(7)  # noqa: S311 - the same requests in each run
    loop = asyncio.get_running_loop()

    async def ask(session: aiohttp.ClientSession, due: float) -> float:
        listing = f"m{chance.randrange(LISTINGS)}"
        async with session.get(f"{base}/v1/listings/{listing}/similar{options}") as answer:
            body = await answer.read()
        if answer.status != 200 or len(json.loads(body)["items"]) != 10:
            raise Failed(f"{listing}: {answer.status} {body[:200]!r}")
        return 1_000 * (loop.time() - due)

    asked: list[asyncio.Task[float]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        due, end = loop.time(), loop.time() + seconds
        while (due := due + chance.expovariate(RATE)) < end:
            await asyncio.sleep(max(0.0, due - loop.time()))
            asked.append(asyncio.create_task(ask(session, due)))
        return list(await asyncio.gather(*asked))


async def _health(base: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{base}/health") as answer:
                found: dict[str, Any] = await answer.json()
            if not found["shelves"]["waiting"] or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.5)
