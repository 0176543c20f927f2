"""Into which slices a shelf falls: the finest cells first, so that each shelf is added up once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.shelf_statistics import levels
from workers.evaluation.shelves import Categorical, Shelves

Slice = tuple[str, str]
ALL: Slice = ("all", "")
TEXT_AXES = ("variant", "model", "anchor", "policy", "app_version")
AXES = ("category", "niche", *TEXT_AXES)
"""What shelves can be sliced by; by surface, layout, place and the listing's age they always are."""


@dataclass(frozen=True)
class Cells:
    """The cells of some shelves: of each shelf its cell, of each cell its stratum and the slices that it is part of."""

    of: NDArray[np.int64]
    strata: list[tuple[str, str]]
    """Surface and layout: where places are looked at alike."""
    slices: list[list[Slice]]


def cells(shelves: Shelves, by: Sequence[str], level: int, niches: Sequence[str]) -> Cells:
    """The cells of shelves that are sliced `by` category, niche and the words that a shelf has."""
    axes = {name: _axis(shelves, name, level) for name in by if name != "niche"}
    inside = [_below(shelves, path) for path in niches if "niche" in by]
    parts = [shelves.surface.codes, shelves.layout.codes, *(axis.codes for axis in axes.values()), *inside]
    code = np.zeros(len(shelves), np.int64)
    for part in parts:
        # Numbered anew each time, so that no product of counts can overflow.
        _, code = np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)
    _, first, code = np.unique(code, return_index=True, return_inverse=True)
    strata, slices = [], []
    for row in first:
        strata.append((_name(shelves.surface, row), _name(shelves.layout, row)))
        mine = [(name, _name(axis, row)) for name, axis in axes.items()]
        mine += [("niche", path) for path, flags in zip(niches, inside, strict=False) if flags[row]]
        slices.append([ALL, *mine])
    return Cells(code.astype(np.int64), strata, slices)


def _name(coded: Categorical, row: np.intp) -> str:
    return coded.names[int(coded.codes[row])]


def _axis(shelves: Shelves, name: str, level: int) -> Categorical:
    if name == "category":
        tops, names = levels(shelves.categories, level)
        return Categorical(tops[shelves.category], names)
    if name not in TEXT_AXES:
        raise ValueError(f"shelves can't be sliced by {name!r}; they can by {', '.join(AXES)}")
    axis: Categorical = getattr(shelves, name)
    return axis


def _below(shelves: Shelves, path: str) -> NDArray[np.int32]:
    """1 where the query's category is `path` or below it."""
    within = [each == path or each.startswith(f"{path}/") for each in shelves.categories]
    return np.array(within, np.int32)[shelves.category]
