"""How good vectors rank: nDCG and recall of nearest neighbours, and agreement of two kinds of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.training.teacher import unit

Vectors = NDArray[np.float32]
Figures = NDArray[np.float64]


def neighbours(vectors: Vectors, first: int) -> NDArray[np.int64]:
    """The `first` nearest others of each row by cosine, nearest first: (N, first); of equals the earlier row first."""
    rows = unit(vectors)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :first]


def ndcg(vectors: Vectors, groups: NDArray[np.str_], first: int = 5) -> Figures:
    """nDCG at `first` of each row that has another row of its group; relevant are the rows of the same group.

    Gain 1 or 0, discount 1 / log2(place + 1), divided by the best that is possible (Järvelin & Kekäläinen, 2002).

    >>> ndcg(np.array([[1, 0], [0.9, 0.1], [0.8, 0.3]], np.float32), np.array(["a", "b", "a"]), 2).round(4).tolist()
    [0.6309, 0.6309]
    """
    first = min(first, len(vectors) - 1)
    discounts = 1 / np.log2(np.arange(2, first + 2))
    relevant = groups[neighbours(vectors, first)] == groups[:, None]
    others = (groups[:, None] == groups[None, :]).sum(axis=1) - 1
    best = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(others, first)]
    asked = others > 0
    return np.asarray((relevant * discounts).sum(axis=1)[asked] / best[asked], np.float64)


def recall(texts: Vectors, pictures: Vectors, own: NDArray[np.bool_], first: int = 10) -> Figures:
    """1 for each text that has a picture of its own among its `first` nearest pictures, else 0.

    `texts` (T, D), `pictures` (P, D), `own` (T, P): which pictures belong to which text.
    """
    nearest = np.argsort(-(unit(texts) @ unit(pictures).T), axis=1, kind="stable")[:, :first]
    return np.asarray(np.take_along_axis(own, nearest, axis=1).any(axis=1), np.float64)


def chance_recall(own: NDArray[np.bool_], first: int = 10) -> Figures:
    """What `recall` is on average for each text if the pictures come in random order: 1 − C(P − m, k) / C(P, k)."""
    count, matching = own.shape[1], own.sum(axis=1)
    missed = [np.maximum(count - matching - place, 0) / (count - place) for place in range(min(first, count))]
    return np.asarray(1 - np.prod(missed, axis=0), np.float64)


def overlap(ours: Vectors, theirs: Vectors, first: int = 5) -> float:
    """Mean share of the `first` nearest others that two kinds of vectors of the same pictures have in common."""
    pairs = zip(neighbours(ours, first), neighbours(theirs, first), strict=True)
    return float(np.mean([len(np.intersect1d(left, right)) / first for left, right in pairs]))


def agreement(ours: Vectors, theirs: Vectors) -> float:
    """Spearman's rank correlation of all pairwise cosines of two kinds of vectors of the same pictures.

    Representational similarity analysis (Kriegeskorte et al., 2008).
    """
    upper = np.triu_indices(len(ours), k=1)
    ranks = [np.argsort(np.argsort((rows @ rows.T)[upper])) for rows in (unit(ours), unit(theirs))]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def ratio_interval(ours: Figures, theirs: Figures, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of mean(ours) / mean(theirs), by the bootstrap over the queries that both answer."""
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(ours), size=(draws, len(ours)))
    low, high = np.quantile(ours[drawn].mean(axis=1) / theirs[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
