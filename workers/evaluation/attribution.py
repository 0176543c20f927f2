"""What came of each item: actions to the shelf and place that they point to, those within their window."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workers.evaluation.actions import CANCEL, SEEN, Actions, Places, concatenated_ranges
from workers.evaluation.shelves import CLICK, LIKE, PURCHASE, Flags, Hashes, Shelves, Windows


def attribute_actions(shelves: Shelves, requests: Hashes, actions: Actions, windows: Windows) -> Shelves:
    """The shelves with their grades; `requests` are their request ids' hashes.

    An action counts from the shelf's own time on (or up to `windows.skew` before, for clocks differ: as at its time),
    up to and including the end of its window; a purchase that was
    cancelled within the cancel's window does not. `seen` are the places that a `seen` record names, and no others;
    which shelves are visible is decided where those of a whole day are known (`seen_reporting`).
    """
    rows, found, after = _within(shelves.at, requests, actions, windows)
    kind = actions.kind[found]
    seen = _seen(shelves, rows[kind == SEEN], actions, found[kind == SEEN])
    acted = kind != SEEN
    rows, found, kind, after = rows[acted], found[acted], kind[acted], after[acted]
    pairs, places = np.nonzero(shelves.listing[rows] == actions.listing[found][:, None])
    rows, kind, after = rows[pairs], kind[pairs], after[pairs]

    def where(mask: Any) -> Flags:
        flags = np.zeros(shelves.listing.shape, np.bool_)
        flags[rows[mask], places[mask]] = True
        return flags

    stands = np.ones(len(rows), np.bool_)
    stands[kind == PURCHASE] = _stand(rows * shelves.width + places, kind, after, _us(windows.cancel))
    grade = np.zeros(shelves.listing.shape, np.int8)
    for each in (CLICK, LIKE, PURCHASE):
        grade[where((kind == each) & stands)] = each
    return replace(shelves, grade=grade, clicked=where(kind == CLICK), seen=seen)


def acted_and_heard(at: NDArray[np.int64], requests: Hashes, actions: Actions, windows: Windows) -> tuple[Flags, Flags]:
    """Of shelves shown `at` these times, which were acted on, and of which a `seen` came; each within its window."""
    rows, found, _ = _within(at, requests, actions, windows)
    kind = actions.kind[found]
    acted, heard = np.zeros((2, len(at)), np.bool_)
    acted[rows[(kind != SEEN) & (kind != CANCEL)]] = True
    heard[rows[kind == SEEN]] = True
    return acted, heard


def _within(
    at: NDArray[np.int64], requests: Hashes, actions: Actions, windows: Windows
) -> tuple[Places, Places, NDArray[np.int64]]:
    """Each action within its window: the shelf's row, the action's, and how many microseconds lie between."""
    rows, found = actions.of(requests)
    kind, after = actions.kind[found], actions.at[found] - at[rows]
    limits = np.array([_us(windows.seen), _us(windows.click), _us(windows.like), _us(windows.purchase), 0])
    limits[CANCEL] = limits[PURCHASE] + _us(windows.cancel)
    inside = (after >= -_us(windows.skew)) & (after <= limits[kind])
    return rows[inside], found[inside], np.maximum(after[inside], 0)


def _seen(shelves: Shelves, rows: Places, actions: Actions, found: Places) -> Flags:
    """Which places the `seen` of those rows name."""
    first, count = actions.seen[found].T
    rows, positions = np.repeat(rows, count), actions.positions[concatenated_ranges(first, count)]
    seen = np.zeros(shelves.listing.shape, np.bool_)
    usual = np.minimum(positions, shelves.width) - 1
    right = shelves.position[rows, usual] == positions
    seen[rows[right], usual[right]] = True
    rows, positions = rows[~right], positions[~right]  # where positions have gaps
    pairs, places = np.nonzero(shelves.position[rows] == positions[:, None])
    seen[rows[pairs], places] = True
    return seen


def _stand(cells: NDArray[Any], kind: NDArray[np.int8], after: NDArray[np.int64], within: int) -> Flags:
    """Of each purchase, in their order: that no cancel of the same item follows within so many microseconds."""
    bought, undone = (
        pl.DataFrame({"cell": cells[kind == each], "after": after[kind == each]}).with_row_index().sort("after")
        for each in (PURCHASE, CANCEL)
    )
    undone = undone.select("cell", "after", cancelled=pl.col("after"))
    both = bought.join_asof(undone, on="after", by="cell", strategy="forward", check_sortedness=False).sort("index")
    return ((both["cancelled"] - both["after"]) > within).fill_null(value=True).to_numpy()


def _us(window: timedelta) -> int:
    return window // timedelta(microseconds=1)
