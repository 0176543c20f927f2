"""What one would write first: plain Faust agents, one event at a time and one batch after the other.

`python -m tests.benchmarks.plain_agents one|batch EVENTS REPORT` ends by itself after so many events. They keep no
versions, tell no outcomes, make no retries: all of that is in their favour. Blocking work is on threads, a batch is
fetched and decoded concurrently, an event is acknowledged after its row is written.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import faust
import numpy as np

from schemas.listing import ListingEvent
from schemas.source import Source
from streams.settings import Settings, read_settings
from streams.topics import CREATED
from workers.images.decode import Pixels, decode, hash_images
from workers.milvus.client import connect
from workers.milvus.collection import prepare
from workers.milvus.row import row_of

from .encoders import DIMENSIONS, GPU, RECIPE, StandIn

BATCH = 32
NOWHERE = Source(topic=CREATED, partition=0, offset=0)


class PlainIndexer:
    """Fetch ▸ decode ▸ encode ▸ upsert, for as many events as it is given at a time."""

    def __init__(self, settings: Settings, encoder: StandIn) -> None:
        self._client = connect(settings)
        self._collection = prepare(self._client, settings, RECIPE.model_id, DIMENSIONS).listings
        self._session = aiohttp.ClientSession()
        self._encoder = encoder

    async def index(self, values: list[bytes]) -> None:
        """All stages one after another; within a stage, all pictures at once."""
        listings = [ListingEvent.model_validate_json(value) for value in values]
        bodies = await asyncio.gather(*(self._fetch(each.image_urls[0]) for each in listings))
        decoded = await asyncio.gather(*(asyncio.to_thread(_decode, body) for body in bodies))
        pictures = np.stack([pixels for pixels, _ in decoded])
        vectors = await asyncio.to_thread(self._encoder.encode, pictures)
        hashes, now = [image_hash for _, image_hash in decoded], time.time_ns() // 1_000
        rows = [
            dict(row_of(each, NOWHERE, vector=vector.tolist(), image_hash=image_hash, listed_at=None, now=now))
            for each, vector, image_hash in zip(listings, vectors, hashes, strict=True)
        ]
        await asyncio.to_thread(self._client.upsert, self._collection, rows)

    async def _fetch(self, url: str) -> bytes:
        async with self._session.get(url) as response:
            return await response.read()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _decode(body: bytes) -> tuple[Pixels, str]:
    return decode(body, RECIPE, max_pixels=50_000_000), hash_images([body])


async def main(kind: str, events: int, encoder: StandIn) -> None:
    """Run the agent of `kind` until `events` are indexed."""
    settings = read_settings()
    indexer = PlainIndexer(settings, encoder)
    app = faust.App(
        f"plain-{kind}",
        broker=f"kafka://{settings.kafka}",
        value_serializer="raw",
        key_serializer="raw",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=settings.data / "plain",
    )
    finished = asyncio.Event()

    async def one_at_a_time(stream: Any) -> None:
        async for event in stream.events():  # acknowledged by Faust after the body
            await indexer.index([event.value])
            if encoder.used.pictures >= events:
                finished.set()

    async def batch_after_batch(stream: Any) -> None:
        async for batch in stream.noack_take(BATCH, within=0.05):
            await indexer.index([event.value for event in batch])
            for event in batch:
                await stream.ack(event)
            if encoder.used.pictures >= events:
                finished.set()

    topic = app.topic(settings.named(CREATED), value_type=bytes, key_type=bytes)
    app.agent(topic, name="plain")(one_at_a_time if kind == "one" else batch_after_batch)
    await app.start()
    await finished.wait()
    await app.stop()
    await indexer.close()


if __name__ == "__main__":
    stand_in = StandIn(GPU)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), stand_in))
    Path(sys.argv[3]).write_text(json.dumps(stand_in.used.document()))
