"""Full index, the diagnostic: what models list of all listings for the queries of recorded shelves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas import report as told
from workers.evaluate.choice import Choice
from workers.evaluate.figures import as_told, differences
from workers.evaluate.hashing import hash64
from workers.evaluate.ids import listing_ids
from workers.evaluate.indexed import index_figures, index_sums
from workers.evaluate.reading import Days, together
from workers.evaluate.scores import Table, ground, wanted
from workers.evaluate.shelves import Hashes, Shelves, date_of, some
from workers.report.asked import Tell
from workers.report.build import Clock, shown_all
from workers.report.gathered import gathered, under_listings
from workers.vectors.vectors_of import Model

DEPTH = 50
"""How long the lists are, or as long as the longest measure needs."""


@dataclass(frozen=True)
class Drawn:
    """Shelves with a relevant item, drawn of so many; the same records give the same ones."""

    shelves: Shelves
    of: int


def draw(days: Days, count: int, *, model: str | None = None, tell: Tell) -> Drawn:
    """`count` of the visible shelves under listings with a relevant item: those whose request ids' hashes are lowest.

    The others are of no use here: no measure of a full index says anything of them.
    """
    kept, there = together([]), 0
    for number, (_, shelves) in enumerate(under_listings(days, model), 1):
        relevant = shelves.pick(some(shelves.grade > 0))
        there += len(relevant)
        kept = together([kept, relevant])
        kept = kept.pick(np.argsort(kept.request, kind="stable")[:count])
        tell(number)
    return Drawn(kept, there)


def index_report(
    days: Days, drawn: Drawn, models: Sequence[Model], choice: Choice, clock: Clock,
    *, model: str | None = None, tell: Tell,
) -> told.Report:  # fmt: skip
    """The report of one model's lists, or of two and their difference; labelled, and without a figure of any shelf.

    The query itself is left out of the lists; what is sold by now is not. Raises what `Model` raises.
    """
    needed, ids = wanted(drawn.shelves), dict[int, str]()
    for day in drawn.shelves.days():
        ids |= listing_ids(days.folder, date_of(day), needed)
    tables = [gathered(each, ids) for each in models]
    equal = ground(drawn.shelves, tables)
    listing = _Listing(max(DEPTH, *(each.cutoff for each in choice.measures)), tell)
    sums = [index_sums(equal.shelves, listing.of(each, equal.shelves, table), choice)
            for each, table in zip(models, tables, strict=True)]  # fmt: skip
    found = [index_figures(each, choice) for each in sums]
    shown = [shown_all({name: as_told(each, choice.floor) for name, each in mine.items()}) for mine in found]
    drawn_shelves, shelves, items, items_scored = equal.counts.tolist()
    scored = told.Scored(
        shelves=drawn.of, drawn=drawn_shelves, shelves_scored=shelves, items=items, items_scored=items_scored
    )
    comparison = None
    if len(models) > 1:
        comparison = told.Comparison(
            one=models[0].model_id, other=models[1].model_id, one_figures=shown[0], other_figures=shown[1],
            figures=shown_all(differences(found[0], found[1], choice.floor)),
        )  # fmt: skip
    return told.Report(
        protocol="index", searched=models[0].model_id, scored=scored, at=clock.at, model=model,
        since=days.since, until=days.until, total=shown[0], comparison=comparison,
        open_days=sum(not clock.mature(day) for day in days.each()),
    )  # fmt: skip


class _Listing:
    """Searches, counted over all models."""

    def __init__(self, depth: int, tell: Tell) -> None:
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
