"""Full index, the diagnostic: figures of what a model lists of all listings, never among those of shelves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.evaluation.config import EvaluationConfig
from workers.evaluation.exact_sums import Sums, as_floats, bootstrap_sums, to_fixed_point
from workers.evaluation.measures import Measure
from workers.evaluation.rankings import full_index, judged_at
from workers.evaluation.replicates import ReplicatedFigure, ratio
from workers.evaluation.shelves import Hashes, Shelves

MEASURES = tuple(Measure.parse(each) for each in ("nDCG@5", "P@1", "P@3", "MRR@10", "Recall@50"))
"""What is always measured."""
FIRST = 5
JUDGED = f"judged@{FIRST}"
"""The share of the first places that hold a listing which was shown: of the others nobody could say anything."""


def index_sums(shelves: Shelves, lists: Hashes, choice: EvaluationConfig) -> Sums:
    """(replicates + 1, columns) of shelves with a relevant item; `lists` (n, depth) are hashes, 0 behind their end."""
    ranking = full_index(shelves, lists)
    measured = [measure.of(ranking) for measure in choice.measures]
    values = to_fixed_point(np.column_stack((np.ones(len(shelves)), *measured, judged_at(ranking, FIRST))))
    nothing = np.zeros((choice.replicates + 1, values.shape[1]), np.int64)
    return bootstrap_sums(shelves.user, np.zeros(len(shelves), np.int64), values, choice.replicates).get(0, nothing)


def index_figures(sums: Sums, choice: EvaluationConfig) -> Mapping[str, ReplicatedFigure]:
    """The measures, and beside them always how much of what is listed was judged."""
    names = (*map(str, choice.measures), JUDGED)
    shelves, *columns = as_floats(sums).T
    found = zip(names, columns, strict=True)
    return {name: ratio(column, shelves, "shelves with a relevant item") for name, column in found}
