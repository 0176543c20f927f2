"""Diversity: maximal marginal relevance (Carbonell and Goldstein, 1998) over the vectors of the candidates."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def mmr(
    scores: NDArray[np.float64],
    vectors: NDArray[np.float32],
    weight: float,
    k: int,
    fits: Callable[[int], bool] = lambda _: True,
) -> list[int]:
    """Up to `k` numbers of candidates in the order in which they are chosen.

    Each time the one with the highest (1 - weight) · score - weight · (its largest cosine to those already chosen);
    of equal ones the first. `scores`: n cosines to the query; `vectors`: n × dimensions, of length 1. `fits` is asked
    right before one is taken; what does not fit is never asked for again.

    >>> twins = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]], np.float32)
    >>> mmr(np.array([0.9, 0.9, 0.8]), twins, 0.5, 2)
    [0, 2]
    """
    left = np.ones(len(scores), bool)
    nearest_chosen = np.full(len(scores), -np.inf)
    chosen: list[int] = []
    while len(chosen) < k and left.any():
        redundancy = nearest_chosen if chosen else np.zeros(len(scores))
        value = np.where(left, (1 - weight) * scores - weight * redundancy, -np.inf)
        best = int(np.argmax(value))
        left[best] = False
        if fits(best):
            chosen.append(best)
            nearest_chosen = np.maximum(nearest_chosen, vectors @ vectors[best])
    return chosen
