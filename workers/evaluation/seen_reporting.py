"""Which shelves count as visible: those with a `seen` where `seen` is reported, all that were shown where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from scipy.special import betaincinv  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.shelves import Shelves, any_in_row

STRATUM = ("surface", "layout", "app_version")
"""What reports `seen` or does not, on a day."""
Reporting = frozenset[tuple[str, str, str]] | bool
"""The strata that report; or the operator's word for all."""
SHARE = 0.1
"""`seen` is reported where surely more than so many of the shelves with an action have a `seen` too: where beacons are
sent, half of them and more arrive, and where none are sent, a stray one is far below it."""
DOUBT = 0.05
"""How likely, at most, a share of `SHARE` would look as high as this: one `seen` is never enough, two of two are."""
ENOUGH = 10
"""Shelves with an action by which an app version, or a layout, is judged by itself."""


def reporting(counts: pl.DataFrame) -> Reporting:
    """The strata that report `seen`, by what was counted on a day: `acted` shelves, and `both` acted and seen.

    Judged by the shelves with an action alone: somebody had these before them, so that where beacons are sent they have
    one, whatever share of shelves is acted on, and whoever asks for shelves that nobody looks at. Where an app version
    has fewer than `ENOUGH` its layout decides, and where that has fewer its surface.

    >>> told = {"layout": [""] * 3, "app_version": [""] * 3, "acted": [40, 40, 1], "both": [24, 1, 1]}
    >>> reporting(pl.DataFrame({"surface": ["app", "web", "mail"], **told}))
    frozenset({('app', '', '')})
    """
    summed = counts.group_by(STRATUM).agg(pl.col("acted", "both").sum())
    reports, undecided = np.zeros(len(summed), np.bool_), np.ones(len(summed), np.bool_)
    for axes in (3, 2, 1):
        wider = summed.select(pl.col("acted", "both").sum().over(STRATUM[:axes]))
        acted, both = wider["acted"].to_numpy(), wider["both"].to_numpy()
        decided = undecided & ((acted >= ENOUGH) | (axes == 1))
        # The share that is surely exceeded, one-sided (Clopper and Pearson, 1934).
        surely = np.where(both > 0, betaincinv(np.maximum(both, 1), acted - both + 1, DOUBT), 0.0)
        reports |= decided & (surely > SHARE)
        undecided &= ~decided
    return frozenset(summed.filter(reports).select(STRATUM).rows())


def with_visibility(shelves: Shelves, reports: Reporting) -> Shelves:
    """The shelves with `visible` and `seen` such that neither depends on what was done with the shelf.

    `seen` are the places that a `seen` record names. Where `seen` is reported, a shelf without one is not visible,
    with an action or without: beacons that are lost at random then cost shelves, and move no figure. Elsewhere all
    shelves are visible and all their items seen.
    """
    if isinstance(reports, bool):
        flags = np.full(len(shelves), reports)
    else:
        strata = zip(shelves.surface.words(), shelves.layout.words(), shelves.app_version.words(), strict=True)
        flags = np.fromiter((each in reports for each in strata), np.bool_, len(shelves))
    seen = np.where(flags[:, None], shelves.seen, shelves.shown)
    return replace(shelves, seen=seen, visible=any_in_row(seen))
