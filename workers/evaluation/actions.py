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
from workers.interactions.portions import portions
from workers.interactions.scan import collect, scan

SEEN, CANCEL = 0, 4
Places = NDArray[np.intp]
CODES = {"seen": SEEN, "click": CLICK, "like": LIKE, "purchase": PURCHASE, "cancel": CANCEL}
_COLUMNS = ("event", "request_id", "event_id", "at", "partition", "offset", "listing_id", "positions")
_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
_ROWS_AT_ONCE = 200_000
_ACTED = pl.col("event") != "shelf"
_EMPTY: dict[str, pl.DataType] = {
    "event": pl.String(),
    "request_id": pl.String(),
    "event_id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "partition": pl.Int32(),
    "offset": pl.Int64(),
    "listing_id": pl.String(),
    "positions": pl.List(pl.Int32()),
}


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
    return actions_of(collect(lambda: scan(folder, since - 2 * _DAY, last + _DAY, _COLUMNS).filter(_ACTED)))


def read_actions_of(folder: Path, day: date, requests: Hashes, windows: Windows) -> Actions:
    """Those that belong to `requests` (sorted), shelves of `day`: of all days read a portion at a time.

    Raises where files are merged meanwhile: see `portions`.
    """
    found = [pl.DataFrame(schema=_EMPTY)]
    for distance in range(-2, windows.longest.days + 3):
        closed = ["shelf", *_closed(distance, windows)]
        for each in portions(folder, [day + distance * _DAY], _COLUMNS, _ROWS_AT_ONCE):
            table = each.filter(~pl.col("event").is_in(closed)).collect()
            found.append(table.filter(_among(hash64(table["request_id"]), requests)))
    return actions_of(pl.concat(found))


def _closed(distance: int, windows: Windows) -> list[str]:
    """Kinds that can't count so many days after the shelf's, nor be what one of the day before repeats."""
    until = {
        "seen": windows.seen,
        "click": windows.click,
        "like": windows.like,
        "purchase": windows.purchase,
        "cancel": windows.purchase + windows.cancel,
    }
    return [kind for kind, window in until.items() if (distance - 2) * _DAY > window]


def _among(hashes: Hashes, some: Hashes) -> NDArray[np.bool_]:
    """Which of the hashes are in `some`, which is sorted."""
    if not len(some):
        return np.zeros(len(hashes), np.bool_)
    places = np.minimum(np.searchsorted(some, hashes), len(some) - 1)
    return np.equal(some[places], hashes)


def actions_of(table: pl.DataFrame) -> Actions:
    """The actions of a table with the columns that are needed, each once.

    An event id names an action of one shelf: so what comes of a shelf needs no record of any other.
    """
    known = table["event"].is_in(list(CODES)).fill_null(value=False)
    if not known.all():
        count_unknown("event", table["event"].filter(~known).fill_null(""))
        table = table.filter(known)
    kind = table["event"].replace_strict(CODES, return_dtype=pl.Int8).to_numpy()
    at = table["at"].dt.epoch("us").to_numpy()
    request = hash64(table["request_id"])
    ids = mix(hash64(table["event_id"]) ^ mix(request) ^ kind.astype(np.uint64))
    kept = first_occurrences(ids, (at // _DAY_US).astype(np.int32), record_numbers(table))
    table, kind, at, request = table.filter(kept), kind[kept], at[kept], request[kept]
    positions = table["positions"].fill_null(pl.Series([[]], dtype=pl.List(pl.Int32)))
    counts = positions.list.len().to_numpy().astype(np.int64)
    order = np.argsort(request, kind="stable")
    return Actions(
        request[order],
        kind[order],
        at[order],
        hash64(table["listing_id"])[order],
        np.stack((np.cumsum(counts) - counts, counts), axis=1)[order],
        positions.filter(counts > 0).explode().to_numpy(),
    )
