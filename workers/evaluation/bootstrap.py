"""The bootstrap's weights: how often a user is drawn in a replicate, from a hash of both, so the same anywhere."""

from __future__ import annotations

from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.hashing import Hashes, mix

_STEPS = 1 << 16
_AT_ONCE = 4
"""A hash of 64 bits is four numbers of 16."""
_BATCH = 128  # users, so that what is worked on stays in the cache


def _table() -> NDArray[np.int8]:
    """The Poisson distribution of mean 1, by its inverse, in steps of 2^-16: mean and variance are off by < 0.0002."""
    below = np.cumsum([exp(-1) / factorial(count) for count in range(20)])
    return np.searchsorted(below, (np.arange(_STEPS) + 0.5) / _STEPS, "right").astype(np.int8)


_COUNTS = _table()
MAX_WEIGHT = int(_COUNTS.max())


def weights(users: Hashes, replicates: int) -> NDArray[np.int8]:
    """(users, replicates + 1): column 0 is 1, the estimate itself; the others are Poisson(1), each by itself.

    The Poisson bootstrap (Chamandy, Muralidharan, Najmi, Naidu, 2012).

    >>> weights(np.array([7, 8, 7], np.uint64), 8).tolist()
    [[1, 1, 0, 1, 1, 1, 2, 2, 1], [1, 1, 2, 0, 2, 0, 1, 0, 0], [1, 1, 0, 1, 1, 1, 2, 2, 1]]
    """
    blocks = -(-replicates // _AT_ONCE)
    salts = mix(np.arange(blocks, dtype=np.uint64))
    found = np.ones((len(users), replicates + 1), np.int8)
    for low in range(0, len(users), _BATCH):
        drawn = mix(users[low : low + _BATCH, None] ^ salts).astype("<u8", copy=False).view("<u2")
        found[low : low + _BATCH, 1:] = np.take(_COUNTS, drawn[:, :replicates])
    return found
