"""Which model is live, by what people were shown: the one that most shelves of the newest day were ranked by."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from workers.interactions.scan import collect, scan

_LEAST = 100
"""Shelves of a day on which the majority says anything; the first minutes after midnight are too few."""


@dataclass(frozen=True)
class LiveModel:
    """A model that is live; its name is empty where shelves do not say."""

    model: str
    since: date
    """The first day of those on which it had the most shelves."""
    replaced: str | None
    """The one that was live on the day before; None where it is the first that was recorded."""


def find_live_model(folder: Path, since: date, until: date) -> LiveModel | None:
    """The live model of the newest of the days [since, until); None where they have no shelf."""
    table = collect(lambda: _counts(folder, since, until))
    by_day: dict[date, dict[str, int]] = {}
    for day, model, count in table.iter_rows():
        by_day.setdefault(day, {})[model] = count
    return majority_model(by_day)


def majority_model(by_day: dict[date, dict[str, int]]) -> LiveModel | None:
    """The live model, from each day's number of shelves by model.

    >>> first, second, third = date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3)
    >>> majority_model({first: {"a": 900}, second: {"a": 300, "b": 600}, third: {"a": 1}})
    LiveModel(model='b', since=datetime.date(2026, 9, 2), replaced='a')
    """
    enough = {day: counts for day, counts in by_day.items() if sum(counts.values()) >= _LEAST} or by_day
    winners = [(day, max(counts, key=lambda name: (counts[name], name))) for day, counts in sorted(enough.items())]
    if not winners:
        return None
    model = winners[-1][1]
    since, replaced = winners[-1][0], None
    for day, winner in reversed(winners):
        if winner != model:
            replaced = winner
            break
        since = day
    return LiveModel(model, since, replaced)


def _counts(folder: Path, since: date, until: date) -> pl.LazyFrame:
    table = scan(folder, since, until, ("event", "at", "model")).filter(pl.col("event") == "shelf")
    return table.group_by(pl.col("at").dt.date().alias("day"), pl.col("model").fill_null("")).agg(pl.len())
