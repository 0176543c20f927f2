"""From shelves to what is kept of each day, and from there to any sum of days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date, timedelta
from functools import reduce
from operator import add

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.exact_sums import DayStats, Key, Sums, add_exactly, bootstrap_sums, distinct, to_fixed_point
from workers.evaluation.rankings import ShelfRanking, as_shown, reranked
from workers.evaluation.reader import Days
from workers.evaluation.shelf_statistics import curve_values, more_values, place_values, shelf_values
from workers.evaluation.shelves import DRAWN, Floats, Shelves
from workers.evaluation.slices import Cells, cells
from workers.interactions.scan import restarted

_MOST_RECORDS = 1_000_000
"""Records of all days that are read; with more of them the days are read in parts."""
_READERS = 2
"""Days that are worked on at once: reading one, adding up another."""


def day_stats(shelves: Shelves, choice: EvaluationConfig = USUAL, scores: Floats | None = None) -> dict[int, DayStats]:
    """What is kept of each day; `scores` (n, width) put the items of each shelf in another order first."""
    days = {}
    for day in shelves.days():
        rows = shelves.day == day
        days[day] = stats(shelves.pick(rows), choice, None if scores is None else scores[rows])
    return days


def stats(shelves: Shelves, choice: EvaluationConfig = USUAL, scores: Floats | None = None) -> DayStats:
    """What is kept of shelves, whichever they are: of visible ones only.

    Measures are of shelves whose order was drawn as `choice.drawn` says, or of all where `scores` order them; how much
    places are looked at is of the randomised ones; which listings were shown is of all.
    """
    rows = shelves.visible
    if scores is not None:
        scores = scores[rows]
    shelves = shelves.pick(rows)
    sums = _curves(shelves, choice)
    if scores is None:
        shelves_measured = shelves.pick(np.isin(shelves.drawn, [DRAWN.index(each) for each in choice.drawn]))
        ranking = as_shown(shelves_measured)
    else:
        shelves_measured, ranking = shelves, reranked(shelves, scores)
    sums |= _measured(shelves_measured, ranking, choice)
    return DayStats(dict(sorted(sums.items())), distinct(shelves.listing[shelves.shown]))


def folder_stats(
    days: Days, choice: EvaluationConfig = USUAL, model: str | None = None, wanted: Sequence[date] | None = None
) -> Iterator[tuple[date, DayStats]]:
    """What is kept of each day of a folder, or of those `wanted`, in order; of the shelves of `model`, or of all.

    Where records are few their actions are read once for all days, and no more than two days' shelves are in memory.
    Where they are many each day is read in parts: the figures are the same to the last bit, the memory is bounded.
    """
    every = list(days.each() if wanted is None else wanted)
    # The readers fill the cores: threads of BLAS beside them wait for each other, and take half as much time again.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(_READERS) as pool:
        if days.records() > _MOST_RECORDS:
            yield from ((day, _of_large_day(pool, days, day, choice, model)) for day in every)
            return
        _ = days.actions, days.repeated  # read here, not by two threads at once
        waiting = [pool.submit(_of_day, days, day, choice, model) for day in every[:_READERS]]
        for number, day in enumerate(every):
            yield day, waiting.pop(0).result()
            if number + _READERS < len(every):
                waiting.append(pool.submit(_of_day, days, every[number + _READERS], choice, model))


def _of_day(days: Days, day: date, choice: EvaluationConfig, model: str | None) -> DayStats:
    return _of_shelves(days.read(day), choice, model)


def _of_shelves(shelves: Shelves, choice: EvaluationConfig, model: str | None) -> DayStats:
    return stats(shelves if model is None else of_model(shelves, model), choice)


def _of_large_day(pool: Executor, days: Days, day: date, choice: EvaluationConfig, model: str | None) -> DayStats:
    """A day in parts, begun anew where files were merged while it was read."""

    def of_part(read: Callable[[], Shelves]) -> DayStats:
        return _of_shelves(read(), choice, model)

    return restarted(lambda: reduce(add, pool.map(of_part, days.parts(day)), DayStats()))


def of_model(shelves: Shelves, model: str) -> Shelves:
    """The shelves on which `model` was live: ranked by it alone, or interleaved with an anchor's."""
    return shelves.pick(np.array([name == model for name in shelves.model.names])[shelves.model.codes])


def _measured(shelves: Shelves, ranking: ShelfRanking, choice: EvaluationConfig) -> dict[Key, Sums]:
    mine = cells(shelves, choice.by, choice.level, choice.niches)
    values = to_fixed_point(shelf_values(shelves, ranking, choice.measures))
    sums: dict[Key, Sums] = {}
    for cell, total in bootstrap_sums(shelves.user, mine.of, values, choice.replicates).items():
        for name, which in mine.slices[cell]:
            _add(sums, Key("shelf", name, which, *mine.strata[cell]), total)
    more = more_values(shelves, choice.new // timedelta(microseconds=1), choice.level)
    sums |= _by_stratum("more", shelves, to_fixed_point(np.concatenate((more, place_values(shelves)), axis=1)), choice)
    return sums


def _curves(shelves: Shelves, choice: EvaluationConfig) -> dict[Key, Sums]:
    drawn = shelves.pick(np.isin(shelves.drawn, [DRAWN.index("swap"), DRAWN.index("shuffle")]))
    return _by_stratum("curve", drawn, to_fixed_point(curve_values(drawn)), choice)


def _by_stratum(kind: str, shelves: Shelves, values: Sums, choice: EvaluationConfig) -> dict[Key, Sums]:
    mine: Cells = cells(shelves, (), 1, ())
    found = bootstrap_sums(shelves.user, mine.of, values, choice.replicates)
    return {Key(kind, "all", "", *mine.strata[cell]): total for cell, total in found.items()}


def _add(sums: dict[Key, Sums], key: Key, total: Sums) -> None:
    sums[key] = add_exactly(sums[key], total) if key in sums else total
