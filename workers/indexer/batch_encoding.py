"""Batch encoding: a batch that does not fit in memory is encoded in halves."""

import numpy as np
import structlog
from numpy.typing import NDArray

from streams.errors import BadMessage
from workers.images.decode import Pixels
from workers.indexer import metrics
from workers.models.protocol import ImageEncoder, OutOfMemory, Vectors

_log = structlog.get_logger(__name__)


def encode(encoder: ImageEncoder, pixels: list[Pixels]) -> list[Vectors | BadMessage]:
    """The unit vector of each picture, or the reason why it has none, in order.

    A batch that is too large for the memory is halved, down to one picture; that one becomes a BadMessage (encode).
    Other failures of the device end the worker (Broken, see `ImageEncoder.encode`).
    """
    try:
        return list(encoder.encode(np.stack(pixels)))
    except (OutOfMemory, MemoryError) as short:
        metrics.OUT_OF_MEMORY.inc()
        _log.warning("encoder_out_of_memory", pictures=len(pixels), error=str(short)[:300])
        bad = BadMessage("encode", f"the encoder is out of memory for one picture: {short}"[:300])
    # Outside of the handler: the frames of the exception would keep the memory of the failed batch.
    if len(pixels) == 1:
        return [bad]
    middle = len(pixels) // 2
    return [*encode(encoder, pixels[:middle]), *encode(encoder, pixels[middle:])]


def pool(vectors: list[Vectors | BadMessage]) -> NDArray[np.float32]:
    """The mean of a listing's unit vectors, scaled to length 1.

    Raises the BadMessage of a picture that has none; BadMessage (encode) for NaN, infinity or a mean of length 0:
    Milvus must never get those.
    """
    found = []
    for each in vectors:
        if isinstance(each, BadMessage):
            raise each
        found.append(each)
    mean = np.stack(found).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length < 1e-6:
        raise BadMessage("encode", f"the vector has length {length}")
    result: NDArray[np.float32] = (mean / length).astype(np.float32)
    return result
