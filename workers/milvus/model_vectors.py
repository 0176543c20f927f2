"""The vectors of many listings by id, and what a model lists near them: for evaluation, which looks back.

Nothing here is read Strong: what was written in the last five seconds was not before anybody yet.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from streams.errors import UsageError
from streams.settings import Settings
from workers.milvus.candidates import EF
from workers.milvus.client import read
from workers.milvus.collection import METRIC, Collections, all_models, live
from workers.milvus.row import VECTOR_FIELD, listing_id_in
from workers.milvus.store import READ_BATCH

Vectors = NDArray[np.float32]
T = TypeVar("T")

_SEARCHED_AT_ONCE = 64
"""Vectors in one call."""
_SECONDS = 30.0


class Model:
    """One model's rows as they are now. Raises SlowDown where Milvus is away, Broken where the collection is gone."""

    def __init__(self, client: MilvusClient, collections: Collections) -> None:
        self._client, self._collection = client, collections.listings
        self.model_id = collections.model_id

    def vectors_of(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """The ids of those that have a row, and their vectors (n, d), of length 1."""
        found: list[str] = []
        vectors: list[Vectors] = []
        for some in _batches(ids, READ_BATCH):
            ask = partial(
                self._client.query,
                self._collection,
                listing_id_in(some),
                output_fields=["listing_id", VECTOR_FIELD],
                consistency_level="Bounded",
                timeout=_SECONDS,
            )
            rows = read(self._client, self._collection, ask)
            found += [str(row["listing_id"]) for row in rows]
            vectors += [np.asarray(row[VECTOR_FIELD], np.float32) for row in rows]
        return found, np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

    def nearest(self, vectors: Vectors, depth: int) -> Iterator[list[str]]:
        """For each vector the ids of the `depth` nearest rows, nearest first, whatever their status.

        What was on sale when a shelf was shown may be sold by now: asked is what the model lists, not what is left.
        """
        for some in _batches(vectors.tolist(), _SEARCHED_AT_ONCE):
            search = partial(
                self._client.search,
                self._collection,
                some,
                limit=depth,
                output_fields=["listing_id"],
                search_params={"metric_type": METRIC, "params": {"ef": max(EF, depth)}},
                consistency_level="Bounded",
                timeout=_SECONDS,
            )
            for hits in read(self._client, self._collection, search):
                yield [str(hit["entity"]["listing_id"]) for hit in hits]


def models_of(client: MilvusClient, settings: Settings, wanted: Sequence[str]) -> list[Model]:
    """These models, or the live one where none is named.

    Raises UsageError where one has no collection, and names those that there are.
    """
    if not wanted and (serving := live(client, settings)) is not None:
        return [Model(client, serving)]
    there = {each.model_id: each for each in all_models(client, settings)}
    missing = [each for each in wanted if each not in there]
    if missing or not wanted:
        of = f" of {' or '.join(missing)}" if missing else " that is live"
        others = f"there are those of {', '.join(there)}" if there else "`lookalike worker index` fills the first one"
        raise UsageError(f"there is no collection{of} in Milvus; {others}")
    return [Model(client, there[each]) for each in wanted]


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
