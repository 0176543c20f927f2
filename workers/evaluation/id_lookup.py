"""From hashes back to ids: those of the listings that shelves stood under, and of those on them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from workers.evaluation.hashing import Hashes, hash64
from workers.interactions.scan import collect, scan


def listing_ids(folder: Path, day: date, wanted: Hashes) -> dict[int, str]:
    """The ids of listings of a day's shelves, by hash: those whose hash is in `wanted`, and no others.

    Read after the shelves were: a record that came in between does no harm, and one that was erased has no id.
    """
    names = ("event", "query", "items")
    shelves = collect(lambda: scan(folder, day, day + timedelta(days=1), names).filter(pl.col("event") == "shelf"))
    items = shelves["items"].explode().struct.field("listing_id")
    ids = pl.concat((shelves["query"], items)).drop_nulls().unique(maintain_order=True)
    hashes = hash64(ids)
    kept = np.isin(hashes, wanted)
    return dict(zip(hashes[kept].tolist(), ids.filter(kept).to_list(), strict=True))
