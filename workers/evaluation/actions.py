"""What people did, as recorded: seen, click, like, purchase and cancel, each once, found again by its shelf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workers.evaluation.deduplication import first_occurrences, record_numbers
from workers.evaluation.hashing import hash64, mix
from workers.evaluation.shelves import CLICK, LIKE, PURCHASE, Hashes, Windows
from workers.evaluation.unknown_words import count_unknown
from workers.interactions.scan import collect, scan

SEEN, CANCEL = 0, 4
Places = NDArray[np.intp]
CODES = {"seen": SEEN, "click": CLICK, "like": LIKE, "purchase": PURCHASE, "cancel": CANCEL}
_COLUMNS = ("event", "request_id", "event_id", "at", "partition", "offset", "listing_id", "positions")
_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Actions:
    """Each as one row, ordered by `request`."""

    request: Hashes
    kind: NDArray[np.int8]
    at: NDArray[np.int64]
    """Microseconds since 1970."""
    listing: Hashes
    seen: NDArray[np.int64]
    """(n, 2): where in `positions` those of a `seen` begin, and how many they are."""
    positions: NDArray[np.int32]

    def of(self, requests: Hashes) -> tuple[Places, Places]:
        """Pairs (place in `requests`, row here) of all that belongs to these requests, in no particular order."""
        order = np.argsort(requests)  # looked up in order, what is looked at is in the cache
        first = np.searchsorted(self.request, requests[order], "left")
        count = np.searchsorted(self.request, requests[order], "right") - first
        return np.repeat(order, count), concatenated_ranges(first, count)


def concatenated_ranges(first: Places, count: Places) -> Places:
    """The numbers of all ranges, one range after the other.

    >>> concatenated_ranges(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    ends = np.cumsum(count)
    return np.arange(count.sum()) + np.repeat(first - ends + count, count)


def read_actions(folder: Path, since: date, until: date, windows: Windows) -> Actions:
    """All that may belong to shelves of [since, until)."""
    last = until + windows.longest + _DAY
    # The days before and after, for ids that were used twice around midnight.
    table = collect(lambda: scan(folder, since - _DAY, last + _DAY, _COLUMNS).filter(pl.col("event") != "shelf"))
    known = table["event"].is_in(list(CODES)).fill_null(value=False)
    if not known.all():
        count_unknown("event", table["event"].filter(~known).fill_null(""))
        table = table.filter(known)
    kind = table["event"].replace_strict(CODES, return_dtype=pl.Int8).to_numpy()
    at = table["at"].dt.epoch("us").to_numpy()
    ids = mix(hash64(table["event_id"]) ^ kind.astype(np.uint64))
    kept = first_occurrences(ids, (at // _DAY_US).astype(np.int32), record_numbers(table))
    table, kind, at = table.filter(kept), kind[kept], at[kept]
    positions = table["positions"].fill_null(pl.Series([[]], dtype=pl.List(pl.Int32)))
    counts = positions.list.len().to_numpy().astype(np.int64)
    request = hash64(table["request_id"])
    order = np.argsort(request, kind="stable")
    return Actions(
        request[order],
        kind[order],
        at[order],
        hash64(table["listing_id"])[order],
        np.stack((np.cumsum(counts) - counts, counts), axis=1)[order],
        positions.filter(counts > 0).explode().to_numpy(),
    )
