"""The encode stage: encodes decoded pictures in batches of whatever is ready when the encoder is free."""

import time
from collections.abc import Callable

from streams.errors import BadMessage
from workers.indexer import metrics
from workers.indexer.batch_encoding import encode, pool
from workers.indexer.messages import Write
from workers.indexer.shared import Shared
from workers.indexer.stages import drain_batch
from workers.models.protocol import ImageEncoder


class EncodeStage:
    """Reads events with their pixels from `decoded`; puts them with their vectors on `writes`."""

    def __init__(self, shared: Shared, encoder: ImageEncoder, on_slots_free: Callable[[int], None]) -> None:
        self._stages, self._queues, self._settler = shared.stages, shared.queues, shared.settler
        self._encoder, self._on_slots_free = encoder, on_slots_free

    def step(self) -> None:
        """Encode one batch of decoded pictures, and release their slots."""
        limit = max(1, self._encoder.batch_size // self._encoder.recipe.pooled)
        batch = drain_batch(self._queues.decoded, limit, wait=self._stages.capacity.idle_wait_seconds)
        if not batch:
            return
        self._on_slots_free(len(batch))
        started = time.perf_counter()
        pixels = [each for decoded in batch for each in decoded.pixels]
        vectors = encode(self._encoder, pixels)
        seconds = time.perf_counter() - started
        metrics.ENCODER_BUSY.inc(seconds)
        metrics.ENCODED.inc(len(pixels))
        metrics.BATCH_PICTURES.observe(len(pixels))
        first = 0
        for decoded in batch:
            own = vectors[first : first + len(decoded.pixels)]
            first += len(decoded.pixels)
            decoded.pending.times.encode = seconds * 1_000
            try:
                self._queues.writes.put(Write(decoded.pending, decoded.image_hash, pool(own)))
            except BadMessage as bad:
                self._settler.dead_letter(decoded.pending, bad)
