"""Two models on the same recorded shelves: each orders what was shown by its own vectors, the paper's protocol."""

from dataclasses import replace

import numpy as np

from schemas import evaluation_report as told
from workers.evaluation.config import EvaluationConfig
from workers.evaluation.day_statistics import stats
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.figures import figures
from workers.evaluation.id_lookup import listing_ids
from workers.evaluation.model_scores import Table, common_scores, needed_listings
from workers.evaluation.reader import Days
from workers.evaluation.replicates import NO_RELEVANT, SHARES
from workers.evaluation.shelf_statistics import RANDOM_ORDER
from workers.evaluation.slices import ALL
from workers.milvus.model_vectors import Model
from workers.reports.arguments import ReportProgress
from workers.reports.build import build_comparison, report_figures
from workers.reports.model_vectors import read_vectors, under_listings

_UNMOVED = {"CTR", "CVR", NO_RELEVANT, *SHARES}
"""What no other order of the same items changes is not compared."""


def compare_models(
    days: Days,
    pair: tuple[Model, Model],
    choice: EvaluationConfig,
    *,
    model: str | None = None,
    earlier: DayStats | None = None,
    tell: ReportProgress,
) -> told.Comparison:
    """The difference of two models, each ordering the visible shelves under listings, all or those of `model`.

    A shelf counts where both have its query; see `scores.ground`. `earlier` days teach examination too. Never more than
    a day's vectors are in memory. Raises what `Model` raises.
    """
    measures = tuple(each for each in choice.measures if each.name not in _UNMOVED)
    choice = replace(choice, measures=measures, by=())
    tables, sums, counts = [Table(), Table()], [DayStats(), DayStats()], np.zeros(4, np.int64)
    for number, (day, shelves) in enumerate(under_listings(days, model), 1):
        ids = listing_ids(days.folder, day, needed_listings(shelves))
        tables = [read_vectors(each, ids, table) for each, table in zip(pair, tables, strict=True)]
        equal = common_scores(shelves, tables)
        sums = [sums[each] + stats(equal.shelves, choice, equal.scores[each]) for each in range(2)]
        counts += equal.counts
        tell(number)
    one, other = ((each.model_id, total) for each, total in zip(pair, sums, strict=True))
    learnt = sums[0] + (earlier or DayStats())
    found = build_comparison(one, other, choice, learnt)
    there, scored, items, items_scored = counts.tolist()
    return found.model_copy(
        update={
            "figures": _moved(found.figures),
            "one_figures": _all_figures(one[1], choice, learnt),
            "other_figures": _all_figures(other[1], choice, learnt),
            "scored": told.Scored(shelves=there, shelves_scored=scored, items=items, items_scored=items_scored),
        }
    )


def _all_figures(total: DayStats, choice: EvaluationConfig, learnt: DayStats) -> told.Figures:
    return _moved(report_figures(figures(total, choice, learnt=learnt).by_slice.get(ALL, {})))


def _moved(shown: told.Figures) -> told.Figures:
    return {name: each for name, each in shown.items() if name not in _UNMOVED and not name.endswith(RANDOM_ORDER)}
