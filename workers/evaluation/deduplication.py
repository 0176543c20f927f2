"""Each record once: of two with one id, the first by partition and offset counts."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_OFFSETS = 1 << 48
"""More than a partition ever has records."""


def first_occurrences(
    ids: NDArray[np.uint64], days: NDArray[np.int32], records: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which records are the first of their id on their own day, the day before and the day after.

    Beyond that an id is taken for another one that happens to be the same: so what a day's shelves come to needs no
    more than the days around it, and is the same whether one day is read or a year. `records`
    orders them (`record_numbers`).

    >>> ids, days = np.array([5, 5, 5, 6], np.uint64), np.array([1, 2, 9, 1], np.int32)
    >>> first_occurrences(ids, days, np.array([4, 3, 9, 1])).tolist()
    [False, True, True, True]
    """
    all_of_them = pl.DataFrame({"id": ids, "day": days, "record": records})
    if all_of_them["id"].n_unique() == len(ids):
        return np.ones(len(ids), np.bool_)
    firsts = all_of_them.group_by("id", "day").agg(pl.col("record").min().alias("first"))
    kept = np.ones(len(ids), np.bool_)
    for shift in (-1, 0, 1):
        beside = firsts.with_columns(pl.col("day") + pl.lit(shift, pl.Int32))
        found = all_of_them.join(beside, on=("id", "day"), how="left", maintain_order="left")
        kept &= (found["first"].is_null() | (found["record"] <= found["first"])).to_numpy()
    return kept


def record_numbers(table: pl.DataFrame) -> NDArray[np.int64]:
    """A number for each record, growing with partition and offset."""
    return np.asarray(table["partition"].cast(pl.Int64).to_numpy() * _OFFSETS + table["offset"].to_numpy(), np.int64)
