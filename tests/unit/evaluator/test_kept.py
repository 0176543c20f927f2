"""Sums that are kept from round to round are those of a first reading, whatever has changed in between."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.reader import Days
from workers.evaluation.shelves import USUAL as WINDOWS
from workers.evaluator.day_cache import DayStatsCache
from workers.evaluator.folder_snapshot import Snapshot
from workers.evaluator.live_model import find_live_model
from workers.simulate.parquet import write_parquet

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 6)
CHOICE = replace(USUAL, replicates=20)
TOPIC = "interactions"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six days of a market."""
    folder = tmp_path_factory.mktemp("recorded")
    write_parquet(folder, "calm", days=6, shelves_per_day=60, listings=500)
    return folder


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(recorded, tmp_path / "interactions")
    return tmp_path / "interactions"


class Reader:
    """Kept sums, and which days were read in the last round."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept, self.read = folder, DayStatsCache(folder, CHOICE, WINDOWS), 0

    def round(self) -> list[tuple[date, DayStats]]:
        """One round over all days."""
        self.read = 0
        found = find_live_model(self.folder, FIRST, LAST + timedelta(days=1))
        assert found is not None
        now = Snapshot.take(self.folder, TOPIC)
        return self.kept.refresh(now, found.model, FIRST, LAST + timedelta(days=1), self._count)

    def _count(self) -> None:
        self.read += 1


def anew(folder: Path) -> list[tuple[date, DayStats]]:
    """A first reading, of all at once."""
    return list(folder_stats(Days.of(folder, FIRST, LAST + timedelta(days=1)), CHOICE))


def same(one: list[tuple[date, DayStats]], other: list[tuple[date, DayStats]]) -> bool:
    """Equal to the last bit."""
    return len(one) == len(other) and all(
        day == theirs
        and mine.sums.keys() == their.sums.keys()
        and np.array_equal(mine.listings, their.listings)
        and all((mine.sums[key] == their.sums[key]).all() for key in mine.sums)
        for (day, mine), (theirs, their) in zip(one, other, strict=True)
    )


def test_nothing_new_nothing_read(folder: Path) -> None:
    """The second round reads no day, and says the same."""
    reader = Reader(folder)
    first = reader.round()
    assert reader.read == 6
    assert same(reader.round(), first)
    assert reader.read == 0
    assert same(first, anew(folder))


def test_late_records(folder: Path) -> None:
    """A click of the fourth day that comes late: days before it whose windows it may fall into are read anew."""
    path = next((folder / "day=2026-09-04").iterdir())
    rows = pl.read_parquet(path)
    late = rows.filter(pl.col("event") == "click").head(5)
    path.unlink()
    rows.join(late.select("event_id"), on="event_id", how="anti").write_parquet(path)
    reader = Reader(folder)
    without = reader.round()
    late.write_parquet(folder / "day=2026-09-04" / "interactions-1-0-4.parquet")
    restated = reader.round()
    assert reader.read == 5  # the sixth day rests on the day before it and on later ones
    assert same(restated, anew(folder))
    assert not same(restated, without)


def test_records_that_come_twice(folder: Path) -> None:
    """A file again under other offsets changes no figure."""
    reader = Reader(folder)
    before = reader.round()
    path = next((folder / "day=2026-09-02").iterdir())
    pl.read_parquet(path).with_columns(pl.lit(7, pl.Int32).alias("partition")).write_parquet(
        path.with_name("interactions-7-0-9999.parquet")
    )
    assert same(reader.round(), before)
    assert reader.read > 0


def test_an_erasure(folder: Path) -> None:
    """A file that lost a user's rows, under its old name, is another file."""
    reader = Reader(folder)
    before = reader.round()
    path = next((folder / "day=2026-09-03").iterdir())
    rows = pl.read_parquet(path)
    shelves = rows.filter(pl.col("event") == "shelf")
    gone = shelves.filter(pl.col("user") == shelves["user"][0])["request_id"]
    rows.filter(~pl.col("request_id").is_in(gone.implode())).write_parquet(path)
    after = reader.round()
    assert same(after, anew(folder))
    assert not same(after, before)


def test_one_seen_of_a_shelf_that_is_not_there(folder: Path) -> None:
    """It changes no figure, and no other day is read anew for it."""
    for path in folder.glob("day=*/*"):
        pl.read_parquet(path).filter(pl.col("event") != "seen").write_parquet(path)
    seen = (
        pl.read_parquet(next((folder / "day=2026-09-01").iterdir()))
        .head(1)
        .with_columns(
            pl.lit("seen").alias("event"),
            pl.lit("s-1").alias("event_id"),
            pl.lit("nobody").alias("request_id"),
            pl.Series("positions", [[1]], pl.List(pl.Int32)),
        )
    )
    reader = Reader(folder)
    before = reader.round()
    seen.write_parquet(folder / "day=2026-09-01" / "interactions-3-0-0.parquet")
    after = reader.round()
    assert same(after, anew(folder))
    assert same(after, before)
    assert 0 < reader.read < 6
