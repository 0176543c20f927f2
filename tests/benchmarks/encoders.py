"""The stand-in encoder: busy as a GPU would be, or free; it counts what it did."""

import time
from dataclasses import asdict, dataclass

import numpy as np

from schemas.model import Recipe
from workers.models.protocol import Pictures, Vectors

DIMENSIONS = 768
"""SigLIP B/16's: what a row weighs matters for the writes."""

RECIPE = Recipe(
    name="bench",
    weights="0" * 64,
    height=256,
    width=256,
    resample=2,
    rescale=1 / 255,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
"""SigLIP B/16-256's preprocessing."""


@dataclass(frozen=True)
class Cost:
    """Seconds that the stand-in is busy: for each call, and for each picture in it."""

    call: float = 0.0
    picture: float = 0.0


GPU = Cost(call=0.020, picture=0.010)
FREE = Cost()


@dataclass
class Used:
    """What an encoder did; `first` and `last` are the start of its first and the end of its last call."""

    calls: int = 0
    pictures: int = 0
    busy: float = 0.0
    first: float = 0.0
    last: float = 0.0

    @property
    def share(self) -> float:
        """The share of the time between the first and the last call that the encoder was busy."""
        return self.busy / (self.last - self.first) if self.last > self.first else 0.0

    def document(self) -> dict[str, float]:
        """As JSON, with the share."""
        return {**asdict(self), "share": self.share}


class StandIn:
    """An `ImageEncoder` that sleeps, without the GIL, for what an encoder would take; its vectors are of a fixed seed.

    Busy counts what was asked for, not what a loaded machine made of the sleep: waiting for the GIL is idle time.
    """

    def __init__(self, cost: Cost, batch_size: int = 32) -> None:
        self.recipe = RECIPE
        self.batch_size = batch_size
        self.used = Used()
        self._cost = cost
        vectors = np.random.default_rng(7).normal(size=(1_024, DIMENSIONS)).astype(np.float32)
        self._vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode(self, pictures: Pictures) -> Vectors:
        """Unit vectors that have nothing to do with `pictures`."""
        started, seconds = time.perf_counter(), self._cost.call + len(pictures) * self._cost.picture
        if seconds:
            time.sleep(seconds)
        used = self.used
        if not used.calls:
            used.first = started
        vectors: Vectors = self._vectors[(used.pictures + np.arange(len(pictures))) % len(self._vectors)]
        used.calls += 1
        used.pictures += len(pictures)
        used.busy += seconds
        used.last = time.perf_counter()
        return vectors
