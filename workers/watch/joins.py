"""The share of actions whose shelf is known: what a broken recorder or client brings down first."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from workers.record.scan import collect, scan

_ACTIONS = ("click", "like", "purchase")
_DAY = timedelta(days=1)


def joined_share(folder: Path, since: date, until: date) -> float | None:
    """Of the clicks, likes and purchases of [since, until), the share whose shelf was recorded; None without any.

    Shelves are looked for from eight days before: a purchase counts for a week.
    """
    table = collect(lambda: _matched(folder, since, until))
    return None if not table["all"][0] else float(table["known"][0] / table["all"][0])


def _matched(folder: Path, since: date, until: date) -> pl.LazyFrame:
    names = ("event", "request_id")
    acted = scan(folder, since, until, names).filter(pl.col("event").is_in(_ACTIONS)).select("request_id")
    shelves = scan(folder, since - 8 * _DAY, until, names).filter(pl.col("event") == "shelf")
    known = shelves.select("request_id").unique().with_columns(known=pl.lit(value=True))
    both = acted.join(known, on="request_id", how="left")
    return both.select(pl.len().alias("all"), pl.col("known").fill_null(value=False).sum())
