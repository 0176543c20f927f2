"""Whether actions find their shelf, and within its window: what a broken recorder or clock brings down first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from workers.evaluation.shelves import USUAL, Windows
from workers.interactions.scan import collect, scan

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Attribution:
    """Clicks, likes and purchases, counted as records: one that was sent twice counts twice."""

    actions: int = 0
    known: int = 0
    """Those whose shelf is recorded."""
    outside: int = 0
    """Of these, those before their shelf by more than clocks differ, or after their window: they count for nothing."""
    early: int = 0
    """Of those known, those that are before their shelf, and count as done at its time."""

    @property
    def rate(self) -> float | None:
        """Share of the actions whose shelf is known; None without any."""
        return self.known / self.actions if self.actions else None

    @property
    def outside_share(self) -> float | None:
        """Share of the actions of known shelves that are outside their window; None without any."""
        return self.outside / self.known if self.known else None


def attribution(folder: Path, since: date, until: date, windows: Windows = USUAL) -> Attribution:
    """The actions dated within the days [since, until).

    Shelves are looked for from a day more than the longest window before, to a day after, for a device may be behind.
    """
    found = collect(lambda: _counts(folder, since, until, windows)).row(0)
    return Attribution(*(int(each or 0) for each in found))


@dataclass(frozen=True)
class Sources:
    """Shelves, counted as records, by what is known of who had them before them."""

    shelves: int = 0
    by_session: int = 0
    """Without a user, but of a session, which stands for one."""
    by_itself: int = 0
    """Without either: each such shelf is a user of its own."""
    acted: int = 0
    """Those with a click, like or purchase, whenever it was."""
    acted_seen: int = 0
    """Of these, those with a `seen` too: where beacons are sent, the share of them that arrives."""


def sources(folder: Path, since: date, until: date, windows: Windows = USUAL) -> Sources:
    """The shelves of the days [since, until), of all models."""

    def counts() -> pl.LazyFrame:
        names = ("event", "request_id", "user", "session")
        shelves = scan(folder, since, until, names).filter(pl.col("event") == "shelf")
        last = until + max(windows.click, windows.like, windows.purchase) + _DAY
        told = scan(folder, since - _DAY, last, ("event", "request_id")).filter(pl.col("event") != "shelf")
        is_action = pl.col("event").is_in(["click", "like", "purchase"])
        told = told.group_by("request_id").agg(acted=is_action.any(), seen=(pl.col("event") == "seen").any())
        both = shelves.join(told, on="request_id", how="left")
        unknown, acted = pl.col("user").is_null(), pl.col("acted").fill_null(value=False)
        return both.select(
            shelves=pl.len(),
            by_session=(unknown & pl.col("session").is_not_null()).sum(),
            by_itself=(unknown & pl.col("session").is_null()).sum(),
            acted=acted.sum(),
            acted_seen=(acted & pl.col("seen").fill_null(value=False)).sum(),
        )

    return Sources(*(int(each or 0) for each in collect(counts).row(0)))


def _counts(folder: Path, since: date, until: date, windows: Windows) -> pl.LazyFrame:
    limits = {"click": windows.click, "like": windows.like, "purchase": windows.purchase}
    names = ("event", "request_id", "at")
    actions = scan(folder, since, until, names).filter(pl.col("event").is_in(list(limits)))
    shelves = scan(folder, since - max(limits.values()) - _DAY, until + _DAY, names)
    shelves = shelves.filter(pl.col("event") == "shelf").group_by("request_id").agg(shown=pl.col("at").min())
    after = pl.col("at") - pl.col("shown")
    late = pl.any_horizontal((pl.col("event") == name) & (after > limit) for name, limit in limits.items())
    early = after < timedelta()
    outside = late | (after < -windows.skew)
    return actions.join(shelves, on="request_id", how="left").select(
        actions=pl.len(),
        known=pl.col("shown").is_not_null().sum(),
        outside=outside.fill_null(value=False).sum(),
        early=(early & ~outside).fill_null(value=False).sum(),
    )
