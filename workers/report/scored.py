"""Two models on the same recorded shelves: each orders what was shown by its own vectors, the paper's protocol."""

from dataclasses import replace

import numpy as np

from schemas import report as told
from workers.evaluate.cells import ALL
from workers.evaluate.choice import Choice
from workers.evaluate.figures import figures
from workers.evaluate.ids import listing_ids
from workers.evaluate.reading import Days
from workers.evaluate.replicated import NO_RELEVANT, SHARES
from workers.evaluate.scores import Table, ground, wanted
from workers.evaluate.stats import stats
from workers.evaluate.sums import DayStats
from workers.report.asked import Tell
from workers.report.build import compared, shown_all
from workers.report.gathered import gathered, under_listings
from workers.vectors.vectors_of import Model

_UNMOVED = {"CTR", "CVR", NO_RELEVANT, *SHARES}
"""What no other order of the same items changes is not compared."""


def compare_models(
    days: Days, pair: tuple[Model, Model], choice: Choice, *, model: str | None = None, tell: Tell
) -> told.Comparison:  # fmt: skip
    """The difference of two models, each ordering the visible shelves under listings, all or those of `model`.

    A shelf counts where both have its query; see `scores.ground`. Never more than a day's vectors are in memory. Raises
    what `Model` raises.
    """
    measures = tuple(each for each in choice.measures if each.name not in _UNMOVED)
    choice = replace(choice, measures=measures, by=())
    tables, sums, counts = [Table(), Table()], [DayStats(), DayStats()], np.zeros(4, np.int64)
    for number, (day, shelves) in enumerate(under_listings(days, model), 1):
        ids = listing_ids(days.folder, day, wanted(shelves))
        tables = [gathered(each, ids, table) for each, table in zip(pair, tables, strict=True)]
        equal = ground(shelves, tables)
        sums = [sums[each] + stats(equal.shelves, choice, equal.scores[each]) for each in range(2)]
        counts += equal.counts
        tell(number)
    one, other = ((each.model_id, total) for each, total in zip(pair, sums, strict=True))
    found = compared(one, other, choice)
    there, scored, items, items_scored = counts.tolist()
    return found.model_copy(update={
        "figures": _moved(found.figures),
        "one_figures": _all_figures(one[1], choice), "other_figures": _all_figures(other[1], choice),
        "scored": told.Scored(shelves=there, shelves_scored=scored, items=items, items_scored=items_scored),
    })  # fmt: skip


def _all_figures(total: DayStats, choice: Choice) -> told.Figures:
    return _moved(shown_all(figures(total, choice).by_slice.get(ALL, {})))


def _moved(shown: told.Figures) -> told.Figures:
    return {name: each for name, each in shown.items() if name not in _UNMOVED}
