"""What is shown beside a decision and never decides: the age of the model, the drift of what is indexed."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from workers.decision.signals import Signals

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Drift:
    """How far new listings' vectors lie from those that the model was trained in the presence of."""

    distance: float
    """1 - cosine between the two mean directions."""
    usual: float
    """The same between random halves of the earlier ones, the mean of some: what is only chance."""


def drift(earlier: Vectors, later: Vectors, halves: int = 20, seed: int = 0) -> Drift:
    """The drift between two samples of unit vectors (n, d) and (m, d); raises ValueError for fewer than two in either.

    It says that the supply looks different, not that it is ranked worse.
    """
    if len(earlier) < 2 or len(later) < 2:
        raise ValueError("drift needs two vectors in each sample")
    draws = np.random.default_rng(seed)
    by_chance = []
    for _ in range(halves):
        order, half = draws.permutation(len(earlier)), len(earlier) // 2
        by_chance.append(_apart(earlier[order[:half]], earlier[order[half:]]))
    return Drift(_apart(earlier, later), float(np.mean(by_chance)))


def _apart(one: Vectors, other: Vectors) -> float:
    a, b = one.mean(axis=0), other.mean(axis=0)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1.0 - float(a @ b) / scale if scale else 1.0


def describe_diagnostics(signs: Signals, today: date) -> dict[str, str]:
    """The diagnostics in words, by name."""
    found = {}
    if signs.promoted is not None:
        found["age"] = f"live for {(today - signs.promoted).days} days"
    if signs.drift is not None:
        found["drift"] = f"new listings lie {signs.drift:.3f} (1 - cosine) from the earlier ones"
    if signs.new_pairs is not None:
        found["new pairs"] = f"{signs.new_pairs:,} since it was trained"
    return found
