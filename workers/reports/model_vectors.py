"""What models are judged on: the recorded shelves that stand under a listing, and the vectors of what is on them."""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import polars as pl

from workers.evaluation.day_statistics import of_model
from workers.evaluation.hashing import hash64
from workers.evaluation.model_scores import Table
from workers.evaluation.reader import Days
from workers.evaluation.shelves import Shelves
from workers.milvus.model_vectors import Model


def under_listings(days: Days, model: str | None) -> Iterator[tuple[date, Shelves]]:
    """Of each day, oldest first, the visible shelves that stand under a listing: all of them, or those of a model."""
    for day in days.each():
        shelves = days.read(day)
        shelves = shelves if model is None else of_model(shelves, model)
        yield day, shelves.pick(shelves.visible & (shelves.query != 0))


def read_vectors(model: Model, ids: Mapping[int, str], before: Table | None = None) -> Table:
    """The vectors of the listings of these ids by hash; those that are in the table `before` are not asked for again.

    A listing that has no row any more has none here. Raises what `Model` raises.
    """
    before = before or Table()
    hashes = np.array(sorted(ids), np.uint64)
    had = np.isin(before.hashes, hashes)
    found, vectors = model.vectors_of([ids[each] for each in hashes[~before.has(hashes)].tolist()])
    parts = [part for part in (before.vectors[had], vectors) if len(part)]
    if not parts:
        return Table()
    all_hashes = np.concatenate((before.hashes[had], hash64(pl.Series(found, dtype=pl.String))))
    order = np.argsort(all_hashes)
    return Table(all_hashes[order], np.concatenate(parts)[order])
