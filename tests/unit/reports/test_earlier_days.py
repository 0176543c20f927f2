"""A report of few days takes from the days before them how much each position is examined, and nothing else."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from schemas.evaluation_report import Report
from streams.settings import Settings
from workers.evaluation.config import USUAL
from workers.evaluation.reader import Days
from workers.reports.arguments import ReportProgress
from workers.reports.build import Clock
from workers.reports.run import RecordedRun
from workers.simulate.parquet import write_parquet

FIRST, DAYS = date(2026, 9, 1), 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six days of a market, two shelves in five randomised."""
    place = tmp_path_factory.mktemp("market")
    write_parquet(place, "calm", days=DAYS, shelves_per_day=500, listings=800, randomised=0.4)
    return place


@contextlib.contextmanager
def untold(word: str, total: int | None) -> Iterator[ReportProgress]:
    """Progress that nobody reads."""
    yield lambda _: None


def report(folder: Path, since: date) -> Report:
    """Of the days from `since` on."""
    until = FIRST + timedelta(days=DAYS)
    at = datetime(2026, 9, 30, tzinfo=UTC)
    run = RecordedRun(Settings(), Days.of(folder, since, until), USUAL, Clock(at, at), None, untold)
    return run.shelf_report(None)


def test_a_day_has_the_curve_of_all_days(folder: Path) -> None:
    """The same examination, to the last bit, and the same corrected figure as that day has among the others."""
    last = FIRST + timedelta(days=DAYS - 1)
    alone, among = report(folder, last), report(folder, FIRST)
    assert alone.looked == among.looked
    assert alone.days == among.days[-1:]
    corrected = alone.total["DCG@5 IPS"]
    assert corrected.value is not None
    assert corrected.low is not None
    assert corrected.low > 0


def test_nothing_else_is_of_the_days_before(folder: Path) -> None:
    """Shelves and listings are counted of the days asked for alone."""
    alone, among = report(folder, FIRST + timedelta(days=4)), report(folder, FIRST)
    assert [each.day for each in alone.days] == [FIRST + timedelta(days=4), FIRST + timedelta(days=5)]
    assert alone.total["DCG@5"].shelves < 0.5 * among.total["DCG@5"].shelves
    assert alone.listings < among.listings
