"""Chance that depends on the seed, the purpose and the hour alone: switching one thing off moves nothing else."""

import hashlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Small = NDArray[np.int8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Vectors = NDArray[np.float32]


def chance(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for each purpose and, say, hour."""
    name = f"{seed} {purpose} {' '.join(map(str, numbers))}"
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))


def select(cumulative: Floats, uniform: Floats) -> Ints:
    """Which place of a running total each of the `uniform` numbers in [0, 1) falls on; places of no weight never.

    >>> select(np.array([0.0, 1.0, 1.0, 4.0]), np.array([0.0, 0.3, 0.99])).tolist()
    [1, 3, 3]
    """
    places: Ints = np.searchsorted(cumulative, uniform * cumulative[-1], side="right").astype(np.int64)
    return places
