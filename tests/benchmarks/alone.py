"""Fetching, hashing, decoding and resizing alone: `python -m tests.benchmarks.alone BASE_URL FIRST COUNT REPORT`.

The worker's own functions, with its own bounds, and nothing around them: what no pipeline could do without.
"""

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# All that the worker imports: torch changes how malloc keeps freed memory, which saves 0.7 ms of page faults a picture.
import workers.indexer.service  # noqa: F401
from streams.settings import read_settings
from workers.images.decode import decode, hash_images
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.indexer.config import Capacity

from .encoders import RECIPE

WARM_UP = 32
"""Pictures before the clock starts: imports, connections, the decoder's tables."""


def _decode(body: bytes) -> None:
    hash_images([body])
    decode(body, RECIPE, max_pixels=50_000_000)


async def run(urls: list[str]) -> dict[str, float]:
    """Processor and wall seconds for `urls`."""
    capacity = Capacity()
    slots = asyncio.Semaphore(capacity.picture_slots)
    decoders = ThreadPoolExecutor(capacity.decoders)
    loop = asyncio.get_running_loop()

    async with Fetcher(read_settings(), ImageLimits(), HostLimits()) as fetcher:

        async def picture(url: str) -> None:
            async with slots:
                await loop.run_in_executor(decoders, _decode, (await fetcher.fetch(url)).data)

        await asyncio.gather(*(picture(url) for url in urls[:WARM_UP]))
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(picture(url) for url in urls[WARM_UP:]))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "pictures": len(urls) - WARM_UP}


if __name__ == "__main__":
    base, first, count, report = sys.argv[1:]
    numbers = range(int(first), int(first) + int(count) + WARM_UP)
    Path(report).write_text(json.dumps(asyncio.run(run([f"{base}/{number}/1.jpg" for number in numbers]))))
