"""Which shelves count as visible: those with a `seen` where `seen` is reported, all that were shown where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.shelves import Flags, Floats, Shelves, any_in_row

SHARE = 0.1
"""`seen` is reported where surely more than so many of the shelves with an action have a `seen` too: where beacons are
sent, half of them and more arrive, and where none are sent, a stray one is far below it."""
DOUBT = 0.05
"""How likely, at most, a share of `SHARE` would look as high as this: one `seen` is never enough, two of two are."""
ENOUGH = 10
"""Shelves with an action by which an app version, or a layout, is judged by itself."""


def with_visibility(shelves: Shelves, reports_seen: bool | None = None) -> Shelves:
    """The shelves with `visible` and `seen` such that neither depends on what was done with the shelf.

    `seen` are the places that a `seen` record names. Where `seen` is reported, a shelf without one is not visible,
    with an action or without: what beacons are lost at random then costs shelves, and moves no figure. Elsewhere all
    shelves are visible and all their items seen. `reports_seen` is the operator's word for all shelves; without it,
    `reporting` finds it for the shelves of each day.
    """
    if reports_seen is None:
        reports = np.zeros(len(shelves), np.bool_)
        for day in shelves.days():
            rows = shelves.day == day
            reports[rows] = reporting(shelves.pick(rows))
    else:
        reports = np.full(len(shelves), reports_seen)
    seen = np.where(reports[:, None], shelves.seen, shelves.shown)
    return replace(shelves, seen=seen, visible=any_in_row(seen))


def reporting(shelves: Shelves) -> Flags:
    """Of each shelf, whether its surface, layout and app version report `seen`; `shelves` are of one day.

    Judged by the shelves with an action alone: somebody had these before them, so that where beacons are sent they have
    one, whatever share of shelves is acted on, and whoever asks for shelves that nobody looks at. Where an app version
    has fewer than `ENOUGH` its layout decides, and where that has fewer its surface.
    """
    acted = any_in_row((shelves.grade > 0) | shelves.clicked)
    both = acted & any_in_row(shelves.seen)
    words = (shelves.surface.codes, shelves.layout.codes, shelves.app_version.codes)
    reports, undecided = np.zeros((2, len(shelves)), np.bool_)
    undecided[:] = True
    for axes in (3, 2, 1):
        stratum = _stratum(*words[:axes])
        acts, heard = (np.bincount(stratum, weights=flags.astype(np.float64)) for flags in (acted, both))
        decides = undecided & ((acts >= ENOUGH) | (axes == 1))[stratum]
        reports[decides] = (_at_least(heard, acts) > SHARE)[stratum[decides]]
        undecided &= ~decides
    return reports


def _stratum(*codes: NDArray[np.int32]) -> NDArray[np.intp]:
    """A number for each combination of codes."""
    _, numbers = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
    return numbers.reshape(-1)


def _at_least(count: NDArray[Any], of: NDArray[Any]) -> Floats:
    """The share that is surely exceeded (Clopper and Pearson, 1934, one-sided); 0 where nothing was counted.

    >>> _at_least(np.array([0.0, 1.0, 2.0]), np.array([5.0, 1.0, 2.0])).round(3).tolist()
    [0.0, 0.05, 0.224]
    """
    return np.where(count > 0, betaincinv(np.maximum(count, 1), of - count + 1, DOUBT), 0.0)
