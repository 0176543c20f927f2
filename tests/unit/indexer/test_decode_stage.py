"""The decode stage with real decoder processes."""

import asyncio
import os
import signal

import psutil

from pictures import jpeg
from workers.images.limits import DecodeLimits, ImageLimits
from workers.images.responses import Fetched
from workers.indexer.config import Capacity
from workers.indexer.decode_stage import DecodeStage
from workers.models.folder import find_model, read_recipe

PICTURES, SLOW_SECONDS = 40, 0.2


def test_decoders_that_start_slowly_reject_no_picture() -> None:
    """As on a busy machine: the time until a decoder is ready is not the picture's."""
    before = {each.pid for each in psutil.Process().children()}

    async def decode_all() -> None:
        stage = DecodeStage(
            read_recipe(find_model("")), ImageLimits(), Capacity(decoders=2), DecodeLimits(slow_seconds=SLOW_SECONDS)
        )
        decoders = [each.pid for each in psutil.Process().children() if each.pid not in before]
        try:
            for pid in decoders:
                os.kill(pid, signal.SIGSTOP)
            picture = Fetched(jpeg(1))
            decoding = [asyncio.ensure_future(stage.decode("http://a/1.jpg", picture, "s")) for _ in range(PICTURES)]
            for _ in range(5):
                await asyncio.sleep(SLOW_SECONDS)
                stage.tick()
            for pid in decoders:
                os.kill(pid, signal.SIGCONT)
            assert len(await asyncio.gather(*decoding)) == PICTURES
        finally:
            stage.close()

    asyncio.run(decode_all())
