"""From shelves of a matured day to units of evidence: one a user and day (concurrent), or user, day and stratum."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from workers.decision.evidence_store import Day
from workers.evaluation.measures import Measure
from workers.evaluation.rankings import as_shown
from workers.evaluation.shelves import DRAWN, TEAMS, UNKNOWN_DRAW, Shelves, Windows, date_of

Floats = NDArray[np.float64]

EVIDENCE = Windows(purchase=timedelta(days=2), cancel=timedelta(days=1))
"""What counts as evidence: shorter than what counts in figures, so that a day is tested three days after it, not 21.

Two days hold most purchases that follow from a shelf, and what comes later is lost to both teams, and to the days
before, alike.
"""

CREDIT = np.array([0.0, 1.0, 2.0, 3.0])
"""Of an item by its grade: nothing, click, like, purchase."""
LEAD, NDCG, DCG = "lead", "nDCG@5", "DCG@5"
OWN_ORDER = [code for code, name in enumerate(DRAWN) if name not in ("interleave", UNKNOWN_DRAW)]
"""Draws whose items are all the live model's; of an unknown one nobody can say."""
_LIVE, _ANCHOR, _INTERLEAVED = TEAMS.index("live"), TEAMS.index("anchor"), DRAWN.index("interleave")


def strata_of(shelves: Shelves) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names of the strata, and each shelf's code: the query's first category, and the surface."""
    top = np.array([name.split("/", 1)[0] for name in shelves.categories])
    where = np.array([f" on {name}" if name else "" for name in shelves.surface.names])
    pairs = np.char.add(top[shelves.category], where[shelves.surface.codes])
    names, codes = np.unique(pairs, return_inverse=True)
    return tuple(str(name) for name in names), codes.astype(np.int32)


def evidence_days(shelves: Shelves) -> list[Day]:
    """All evidence of matured days, each of them whole; both sources."""
    return concurrent_days(shelves) + observed_days(shelves)


def concurrent_days(shelves: Shelves) -> list[Day]:
    """One `Day` for each day, live model and anchor with interleaved shelves: for each user who did anything,
    (credit of the anchor's items - credit of the live model's) / (both), in [-1, 1]; more is worse for live.

    A unit stands in the stratum where most of the user's credit of that day lies, the first by name of equals.
    """
    picked = shelves.pick(shelves.drawn == _INTERLEAVED)
    credit = CREDIT[picked.grade]
    live = (credit * (picked.team == _LIVE)).sum(axis=1)
    anchor = (credit * (picked.team == _ANCHOR)).sum(axis=1)
    names, codes = strata_of(picked)
    days = []
    for model, other, day, rows in _groups(picked):
        units, stratum = _by_user(picked.user[rows], codes[rows], live[rows], anchor[rows], len(names))
        days.append(Day("concurrent", model, other, date_of(day), (LEAD,), names, stratum, units[:, None]))
    return days


def _by_user(
    user: NDArray[np.uint64], codes: NDArray[np.int32], live: Floats, anchor: Floats, size: int
) -> tuple[Floats, NDArray[np.int32]]:
    """The units of those with any credit, and the stratum of each."""
    users, index = np.unique(user, return_inverse=True)
    lost, won = np.bincount(index, live, len(users)), np.bincount(index, anchor, len(users))
    places = np.zeros((len(users), size))
    np.add.at(places, (index, codes), live + anchor)
    acted = lost + won > 0
    units: Floats = (won[acted] - lost[acted]) / (won[acted] + lost[acted])
    return units, places[acted].argmax(axis=1).astype(np.int32)


def observed_days(shelves: Shelves) -> list[Day]:
    """One `Day` for each day and live model: each user's mean nDCG@5 and DCG@5 in each stratum.

    nDCG@5 of shelves with a relevant item, DCG@5 of all visible ones; nan where a unit has none. Interleaved shelves
    are not the live model's alone and stay out.
    """
    picked = shelves.pick(shelves.visible & np.isin(shelves.drawn, OWN_ORDER))
    ranking = as_shown(picked)
    values = np.stack([Measure.parse(each).of(ranking) for each in (NDCG, DCG)], axis=1)
    names, codes = strata_of(picked)
    days = []
    for model, _, day, rows in _groups(picked):
        _, index = np.unique(np.stack([picked.user[rows], codes[rows].astype(np.uint64)]), axis=1, return_inverse=True)
        index = index.ravel()
        size = int(index.max()) + 1
        stratum = np.zeros(size, np.int32)
        stratum[index] = codes[rows]
        units = np.stack([_mean(index, column, size) for column in values[rows].T], axis=1)
        days.append(Day("observed", model, "", date_of(day), (NDCG, DCG), names, stratum, units))
    return days


def _mean(index: NDArray[np.intp], values: Floats, size: int) -> Floats:
    """Of each unit, over its shelves that have the value; nan where none has."""
    there = ~np.isnan(values)
    count, total = np.bincount(index[there], minlength=size), np.bincount(index[there], values[there], size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _groups(shelves: Shelves) -> Sequence[tuple[str, str, int, NDArray[np.intp]]]:
    """Rows by (live model, anchor, day); the anchor only where shelves are interleaved."""
    if not len(shelves):
        return []
    keys = np.stack([shelves.model.codes, shelves.anchor.codes, shelves.day], axis=1)
    found, index = np.unique(keys, axis=0, return_inverse=True)
    return [
        (shelves.model.names[model], shelves.anchor.names[anchor], int(day), np.flatnonzero(index.ravel() == number))
        for number, (model, anchor, day) in enumerate(found)
    ]
