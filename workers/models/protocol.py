"""What the pipeline needs of an encoder, said without torch."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.model import Recipe

Pictures = NDArray[np.uint8]
Vectors = NDArray[np.float32]


class OutOfMemory(Exception):
    """The batch did not fit in the device's memory; a smaller one may."""


class ImageEncoder(Protocol):
    """Turns pictures into vectors; called from one thread."""

    @property
    def recipe(self) -> Recipe:
        """What decides its vectors."""

    @property
    def batch_size(self) -> int:
        """How many pictures a call should hold at most."""

    def encode(self, pictures: Pictures) -> Vectors:
        """Unit vectors of `pictures` (n × height × width × 3), n × dimensions.

        Raises OutOfMemory where they were too many, and Broken where the device failed: then the process must end.
        """


class Encoder(ImageEncoder, Protocol):
    """One that may take texts as well."""

    @property
    def no_texts(self) -> str:
        """Why it takes no texts; empty if it does."""

    def encode_texts(self, texts: list[str]) -> Vectors:
        """Unit vectors of `texts`, n × dimensions; raises UsageError for a tokenizer that can't be used."""
