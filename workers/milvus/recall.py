"""How much of what is nearest the index finds: its own search against one that looks nearly everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from workers.milvus.candidates import EF
from workers.milvus.client import read
from workers.milvus.collection import METRIC, Collections
from workers.milvus.row import VECTOR_FIELD

QUERIES, DEPTH = 64, 10
_WIDE = 4_096
"""`ef` of the search that stands for an exact one: below so many rows it is exact, above it misses next to nothing."""
_FIRST = 16_384 - QUERIES
"""Milvus skips no more rows than that."""
_SECONDS = 30.0
_SAME = 1e-5
"""Scores of one picture differ by as little, in the float types that servers compute in."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """Rows drawn from a collection: `ids` (n,) and their vectors (n, d), of length 1."""

    ids: tuple[str, ...]
    vectors: Vectors


def sample(client: MilvusClient, collections: Collections, expression: str = "", seed: int = 0) -> Sample:
    """Up to QUERIES rows that meet a filter, from a random offset; none if no row does. Raises SlowDown if Milvus is
    away."""
    where = expression or 'listing_id >= ""'
    count = int(_asked(client, collections, where, output_fields=["count(*)"])[0]["count(*)"])
    skipped = int(np.random.default_rng(seed).integers(0, max(1, min(count - QUERIES, _FIRST))))
    fields = ["listing_id", VECTOR_FIELD]
    rows = _asked(client, collections, where, output_fields=fields, limit=QUERIES, offset=skipped)
    if not rows:
        return Sample((), np.empty((0, 0), np.float32))
    vectors = np.array([row[VECTOR_FIELD] for row in rows], np.float32)
    return Sample(tuple(row["listing_id"] for row in rows), vectors)


def recall(client: MilvusClient, collections: Collections, drawn: Sample) -> float | None:
    """recall@10 of the index at its usual `ef`, the mean over the sample; None where that is empty."""
    if not drawn.ids:
        return None
    usual, wide = (_nearest(client, collections, drawn.vectors, ef) for ef in (EF, _WIDE))
    return recall_by_score(usual, wide)


def recall_by_score(found: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]]) -> float:
    """The mean share of what was found that is as near as the last of what is wanted; scores, the nearest first.

    By scores rather than ids, as ann-benchmarks has it: of listings with the very same picture any will do.

    >>> recall_by_score([[0.9, 0.8], [0.7, 0.5]], [[0.9, 0.8], [0.7, 0.6]])
    0.75
    """
    shares = [
        sum(score >= best[-1] - _SAME for score in mine) / len(best) for mine, best in zip(found, wanted, strict=True)
    ]
    return float(np.mean(shares))


def count_since(client: MilvusClient, collections: Collections, microseconds: int) -> int:
    """How many rows were listed at that time or later."""
    where = f"listed_at >= {microseconds}"
    return int(_asked(client, collections, where, output_fields=["count(*)"])[0]["count(*)"])


def _nearest(client: MilvusClient, collections: Collections, vectors: Vectors, ef: int) -> list[list[float]]:
    search = partial(
        client.search,
        collections.listings,
        vectors.tolist(),
        limit=DEPTH,
        consistency_level="Bounded",
        search_params={"metric_type": METRIC, "params": {"ef": ef}},
        timeout=_SECONDS,
    )
    return [[float(hit["distance"]) for hit in hits] for hits in read(client, collections.listings, search)]


def _asked(client: MilvusClient, collections: Collections, where: str, **more: Any) -> list[dict[str, Any]]:
    ask = partial(client.query, collections.listings, where, consistency_level="Bounded", timeout=_SECONDS, **more)
    return [dict(row) for row in read(client, collections.listings, ask)]
