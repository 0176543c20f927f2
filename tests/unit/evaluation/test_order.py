"""Figures do not depend on the order of records, on files, on how days are put together: equal to the last bit."""

import itertools
import random
from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluated import Placed, equal, placed, write
from workers.evaluation import actions, day_statistics, reader
from workers.evaluation.config import EvaluationConfig
from workers.evaluation.day_statistics import day_stats, folder_stats, stats
from workers.evaluation.exact_sums import DayStats, Key, bootstrap_sums, merge_days, to_fixed_point
from workers.evaluation.figures import figures
from workers.evaluation.measures import PAPER, Measure
from workers.evaluation.reader import Days, read_shelves
from workers.evaluation.replicates import replicate_figures
from workers.evaluation.shelf_statistics import shelf_names
from workers.evaluation.shelves import make_shelves
from workers.interactions.scan import collect, scan
from workers.simulate.parquet import write_parquet

DAYS, FIRST = 4, date(2026, 9, 1)
UNTIL = FIRST + timedelta(days=DAYS)
CHOICE = EvaluationConfig(
    measures=(*PAPER, *map(Measure.parse, ("DCG@5", "DCG(exp)@5", "MRR@10", "Recall@5", "CTR", "CVR"))),
    by=("category", "niche", "variant", "model", "anchor", "policy", "app_version"),
    replicates=60,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of a market with everything going on."""
    place = tmp_path_factory.mktemp("recorded")
    write_parquet(place, "all", days=DAYS, shelves_per_day=300, listings=800)
    return place


@pytest.fixture(scope="module")
def by_day(folder: Path) -> dict[date, DayStats]:
    """What is kept of each."""
    return dict(folder_stats(Days.of(folder, FIRST, UNTIL), CHOICE))


def rewritten(place: Path, table: pl.DataFrame, files: int, seed: int) -> Path:
    """The same records, shuffled, in so many files a day."""
    draws = np.random.default_rng(seed)
    mixed = table[draws.permutation(len(table))].with_columns(file=pl.Series(draws.integers(0, files, len(table))))
    for (day, file), rows in mixed.group_by(pl.col("at").dt.date().alias("day"), "file"):
        path = place / f"day={day}" / f"interactions-0-{file}-{file}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.drop("file").write_parquet(path)
    return place


@pytest.mark.parametrize(("files", "seed"), [(1, 1), (3, 2), (9, 3)])
def test_shuffled_and_differently_split(
    files: int, seed: int, folder: Path, by_day: dict[date, DayStats], tmp_path: Path
) -> None:
    """All sums of all days, in every replicate."""
    other = rewritten(tmp_path, collect(lambda: scan(folder)), files, seed)
    found = dict(folder_stats(Days.of(other, FIRST, UNTIL), CHOICE))
    assert list(found) == list(by_day)
    for day, expected in by_day.items():
        assert expected.sums
        assert equal(found[day], expected)


def test_days_in_any_grouping(by_day: dict[date, DayStats]) -> None:
    """Merged one by one, backwards, in pairs, or read as one: the same sums, and the same figures of them."""
    days = list(by_day.values())
    whole_month = merge_days(days)
    groupings = [
        merge_days(days[::-1]),
        merge_days([merge_days(days[:2]), merge_days(days[2:])]),
        reduce(add, days, DayStats()),
        merge_days([merge_days(days[1::2]), merge_days(days[::2])]),
    ]
    told = figures(whole_month, CHOICE)
    for each in groupings:
        assert equal(each, whole_month)
        assert figures(each, CHOICE) == told


def test_partitions_of_shelves(folder: Path, by_day: dict[date, DayStats]) -> None:
    """Whichever way shelves are dealt out, even so that a user is in several parts, the parts add up to the whole."""
    shelves = read_shelves(folder, FIRST, UNTIL)
    for seed in (1, 2):
        part = np.random.default_rng(seed).integers(0, 5, len(shelves))
        dealt = merge_days(stats(shelves.pick(np.flatnonzero(part == each)), CHOICE) for each in range(5))
        assert equal(dealt, merge_days(by_day.values()))


def test_all_at_once_or_day_by_day(folder: Path, by_day: dict[date, DayStats]) -> None:
    """Shelves of a whole folder in memory give the same as a day after the other."""
    found = day_stats(read_shelves(folder, FIRST, UNTIL), CHOICE)
    assert len(found) == DAYS
    assert all(equal(one, other) for one, other in zip(found.values(), by_day.values(), strict=True))


@pytest.mark.parametrize("number", range(DAYS))
def test_a_day_alone_is_the_same_day_among_others(number: int, folder: Path, by_day: dict[date, DayStats]) -> None:
    """Though what came of it lies in later days."""
    day = FIRST + timedelta(days=number)
    [(_, alone)] = folder_stats(Days.of(folder, day, day + timedelta(days=1)), CHOICE)
    assert equal(alone, by_day[day])


def test_removing_a_users_rows_is_as_if_they_never_were(folder: Path, by_day: dict[date, DayStats]) -> None:
    """Of the statistics of all others nothing moves: the difference is what the user's own rows come to."""
    shelves = read_shelves(folder, FIRST, UNTIL)
    users, counts = np.unique(shelves.user, return_counts=True)
    busiest = users[counts.argmax()]
    assert counts.max() > 5
    without, own = (stats(shelves.pick(rows), CHOICE) for rows in (shelves.user != busiest, shelves.user == busiest))
    assert equal(without + own, merge_days(by_day.values()))
    assert not equal(without, merge_days(by_day.values()))


def test_erased_rows_in_the_files(folder: Path, tmp_path: Path) -> None:
    """Files without a user's shelves, actions left or not, give what shelves without them give."""
    table = collect(lambda: scan(folder))
    user = table["user"].drop_nulls().mode().sort()[0]
    requests = table.filter(pl.col("user") == user)["request_id"]
    gone = pl.col("request_id").is_in(requests.implode())
    before = read_shelves(folder, FIRST, UNTIL)
    words = table.filter(pl.col("event") == "shelf").sort("at", "request_id")["user"]
    expected = stats(before.pick((words != user).fill_null(value=True).to_numpy()), CHOICE)
    for name, kept in (("all", ~gone), ("shelves", ~(gone & (pl.col("event") == "shelf")))):
        other = rewritten(tmp_path / name, table.filter(kept), 2, 1)
        assert equal(stats(read_shelves(other, FIRST, UNTIL), CHOICE), expected)


values = st.floats(0, 1000)
rows = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2), values, values), min_size=1, max_size=30)


@given(rows, st.randoms(use_true_random=False))
def test_sums_of_any_values(told: list[tuple[int, int, float, float]], lots: random.Random) -> None:
    """Sums in floating point would differ; these do not."""

    def summed(part: Sequence[tuple[int, int, float, float]]) -> dict[int, list[list[int]]]:
        users, cells = (np.array([row[column] for row in part]) for column in (0, 1))
        found = bootstrap_sums(users.astype(np.uint64), cells, to_fixed_point(np.array([row[2:] for row in part])), 20)
        return {cell: total.tolist() for cell, total in sorted(found.items())}

    mixed = list(told)
    lots.shuffle(mixed)
    assert summed(mixed) == summed(told)


def test_values_that_can_not_be_added_exactly_are_refused() -> None:
    """Not rounded or lost in silence."""
    for bad in (np.nan, np.inf, 2.0**20, -1.0):
        with pytest.raises(ValueError, match="finite, 0 or more"):
            to_fixed_point(np.array([1.0, bad]))


def test_large_values_add_up_exactly() -> None:
    """Where floating point could not hold them any more, as Python's own integers say."""
    each = to_fixed_point(np.full((7_000, 1), 2.0**20 - 2.0**-30))
    found = bootstrap_sums(np.arange(1, 7_001, dtype=np.uint64), np.zeros(7_000, np.int64), each, 1)[0]
    assert int(found[0, 0]) == 7_000 * int(each[0, 0])


def test_sums_beyond_64_bits_add_up_exactly() -> None:
    """Of the shelves of a day, and of days put together, in any order: 2^63 is no bound."""
    each = to_fixed_point(np.full((9_000, 1), 2.0**20 - 2.0**-30))
    found = bootstrap_sums(np.arange(1, 9_001, dtype=np.uint64), np.zeros(9_000, np.int64), each, 1)[0]
    assert int(found[0, 0]) == 9_000 * int(each[0, 0]) > 1 << 63
    key, odd = Key("shelf", "all"), 3
    days = [DayStats({key: np.full((2, 1), (1 << 62) + number)}) for number in (odd, 0, 1, 5, 9)]
    for order in itertools.permutations(days):
        merged = merge_days(order).sums[key]
        assert [int(number) for number in merged[:, 0]] == [5 * (1 << 62) + odd + 15] * 2


def test_figures_of_sums_beyond_64_bits() -> None:
    """Figures of sixteen times 2^60 shelves are those of one: ratios do not depend on how many days there are."""
    small = EvaluationConfig(replicates=2)
    names = shelf_names(small.measures)
    rows = np.ones((3, len(names)), np.int64) << 60
    one = DayStats({Key("shelf", "all", "", "item", "grid"): rows})
    many = merge_days([one] * 16)
    few, more = (replicate_figures(stats, small)["all", ""] for stats in (one, many))
    assert few.keys() == more.keys()
    for name, figure in few.items():
        np.testing.assert_array_equal(figure.values, more[name].values)


def repeated(table: pl.DataFrame) -> pl.DataFrame:
    """Besides each record once more a minute later, and all clicks with one and the same event id."""
    table = table.with_columns(
        event_id=pl.when(pl.col("event") == "click").then(pl.lit("e-1")).otherwise(pl.col("event_id"))
    )
    later = pl.col("at") + timedelta(minutes=1)
    return pl.concat((table, table.with_columns(later.alias("at"), partition=pl.lit(7, pl.Int32))))


@pytest.mark.parametrize("rows", [1, 97, 1_000_000])
def test_days_in_parts(rows: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows are read at once, with repetitions across midnight and in other files: the same sums."""
    table = repeated(collect(lambda: scan(folder)).filter(pl.col("at").dt.minute() < 6 if rows == 1 else pl.lit(True)))
    other = rewritten(tmp_path, table, 3, 1)
    whole = dict(folder_stats(Days.of(other, FIRST, UNTIL), CHOICE))
    monkeypatch.setattr(day_statistics, "_MOST_RECORDS", 0)
    monkeypatch.setattr(reader, "_ROWS_AT_ONCE", rows)
    monkeypatch.setattr(actions, "_ROWS_AT_ONCE", rows)
    found = dict(folder_stats(Days.of(other, FIRST, UNTIL), CHOICE))
    assert list(found) == list(whole)
    for day, expected in whole.items():
        assert expected.sums
        assert equal(found[day], expected)


def test_no_shelves_at_all(tmp_path: Path) -> None:
    """An empty folder, a folder without shelves: sums of nothing."""
    empty: list[Placed] = placed([_lonely_click()])
    for place in (tmp_path / "nowhere", write(tmp_path / "click", empty)):
        assert merge_days(each for _, each in folder_stats(Days.of(place, FIRST, UNTIL), CHOICE)).sums == {}
    assert stats(make_shelves(np.zeros((0, 0))), CHOICE).sums == {}


def _lonely_click() -> dict[str, Any]:
    at = f"{FIRST}T10:00:00+00:00"
    return {"event": "click", "request_id": "gone", "event_id": "e", "listing_id": "m1", "at": at}
