"""Full index, the diagnostic: what models list of all listings for the queries of recorded shelves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas import evaluation_report as told
from workers.evaluation.config import EvaluationConfig
from workers.evaluation.figures import differences, to_estimate
from workers.evaluation.full_index import index_figures, index_sums
from workers.evaluation.hashing import hash64
from workers.evaluation.id_lookup import listing_ids
from workers.evaluation.model_scores import Table, common_scores, needed_listings
from workers.evaluation.reader import Days, concatenate
from workers.evaluation.shelves import Hashes, Shelves, any_in_row, date_of
from workers.milvus.model_vectors import Model
from workers.reports.arguments import ReportProgress
from workers.reports.build import Clock, report_figures
from workers.reports.model_vectors import read_vectors, under_listings

DEPTH = 50
"""How long the lists are, or as long as the longest measure needs."""


@dataclass(frozen=True)
class SampledShelves:
    """Shelves with a relevant item, drawn of so many; the same records give the same ones."""

    shelves: Shelves
    of: int


def sample_shelves(days: Days, count: int, *, model: str | None = None, tell: ReportProgress) -> SampledShelves:
    """`count` of the visible shelves under listings with a relevant item: those whose request ids' hashes are lowest.

    The others are of no use here: no measure of a full index says anything of them.
    """
    kept, there = concatenate([]), 0
    for number, (_, shelves) in enumerate(under_listings(days, model), 1):
        relevant = shelves.pick(any_in_row(shelves.grade > 0))
        there += len(relevant)
        kept = concatenate([kept, relevant])
        kept = kept.pick(np.argsort(kept.request, kind="stable")[:count])
        tell(number)
    return SampledShelves(kept, there)


def index_report(
    days: Days,
    drawn: SampledShelves,
    models: Sequence[Model],
    choice: EvaluationConfig,
    clock: Clock,
    *,
    model: str | None = None,
    tell: ReportProgress,
) -> told.Report:
    """The report of one model's lists, or of two and their difference; labelled, and without a figure of any shelf.

    The query itself is left out of the lists; what is sold by now is not. Raises what `Model` raises.
    """
    needed, ids = needed_listings(drawn.shelves), dict[int, str]()
    for day in drawn.shelves.days():
        ids |= listing_ids(days.folder, date_of(day), needed)
    tables = [read_vectors(each, ids) for each in models]
    equal = common_scores(drawn.shelves, tables)
    listing = _Listing(max(DEPTH, *(each.cutoff for each in choice.measures)), tell)
    sums = [
        index_sums(equal.shelves, listing.of(each, equal.shelves, table), choice)
        for each, table in zip(models, tables, strict=True)
    ]
    found = [index_figures(each, choice) for each in sums]
    shown = [
        report_figures({name: to_estimate(each, choice.minimum_evidence) for name, each in mine.items()})
        for mine in found
    ]
    drawn_shelves, shelves, items, items_scored = equal.counts.tolist()
    scored = told.Scored(
        shelves=drawn.of, drawn=drawn_shelves, shelves_scored=shelves, items=items, items_scored=items_scored
    )
    comparison = None
    if len(models) > 1:
        comparison = told.Comparison(
            one=models[0].model_id,
            other=models[1].model_id,
            one_figures=shown[0],
            other_figures=shown[1],
            figures=report_figures(differences(found[0], found[1], choice.minimum_evidence)),
        )
    return told.Report(
        protocol="index",
        searched=models[0].model_id,
        scored=scored,
        at=clock.at,
        model=model,
        since=days.since,
        until=days.until,
        total=shown[0],
        comparison=comparison,
        open_days=sum(not clock.mature(day) for day in days.each()),
    )


class _Listing:
    """Searches, counted over all models."""

    def __init__(self, depth: int, tell: ReportProgress) -> None:
        self._depth, self._tell, self._done = depth, tell, 0

    def of(self, model: Model, shelves: Shelves, table: Table) -> Hashes:
        """What the model lists for each shelf's query, (n, depth), without the query itself; each query once."""
        queries, which = np.unique(shelves.query, return_inverse=True)
        lists = np.zeros((len(queries), self._depth), np.uint64)
        for row, ids in enumerate(model.nearest(table.of(queries), self._depth + 1)):
            hashes = hash64(pl.Series(ids, dtype=pl.String))
            others = hashes[hashes != queries[row]][: self._depth]
            lists[row, : len(others)] = others
            self._done += 1
            self._tell(self._done)
        return lists[which]
