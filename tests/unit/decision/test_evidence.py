"""Evidence is written once: neither order, nor copies, nor what is said later changes it."""

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import Broken
from workers.decision.decision import State
from workers.decision.decision_round import source_readings
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import LEAD, concurrent_days, observed_days
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.signals import Source
from workers.evaluation.shelves import CLICK, PURCHASE, make_shelves

NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY_US = 86_400_000_000


def day(number: int, values: list[float], source: Source = "concurrent", model: str = "m@1") -> Day:
    """A day of units, all in one stratum."""
    codes = np.zeros(len(values), np.int32)
    return Day(source, model, "a@1", date(2026, 3, number), (LEAD,), ("bags",), codes, np.array(values)[:, None])


def test_a_day_is_written_once(tmp_path: Path) -> None:
    """A second write, of whatever, changes nothing; nor does opening the file again."""
    with Store(tmp_path) as store:
        assert store.close_day(day(1, [0.5, -0.5]), NOW)
        assert not store.close_day(day(1, [1.0]), NOW)
    with Store(tmp_path) as store:
        assert [each.of(LEAD).tolist() for each in store.days("concurrent", "m@1")] == [[-0.5, 0.5]]
        assert store.days("concurrent", "m@2") == store.days("observed", "m@1") == []


@settings(max_examples=20)
@given(st.permutations(range(1, 8)), st.lists(st.integers(1, 7), max_size=5))
def test_order_and_copies_do_not_matter(order: list[int], copies: list[int]) -> None:
    """Days closed in any order, some twice: the same reading to the last digit."""
    draws = np.random.default_rng(3)
    days = {number: day(number, draws.uniform(-1, 1, 20).tolist()) for number in range(1, 8)}
    told = []
    for wanted in (sorted(days), [*order, *copies]):
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
            for number in wanted:
                store.close_day(days[number], NOW)
            told.append(source_readings(store, State(), "m@1", RetrainPolicy.model_validate({})))
    assert told[0] == told[1]


def test_what_was_changed_behind_our_back_is_found(tmp_path: Path) -> None:
    """The digest tells; no decision rests on it."""
    with Store(tmp_path) as store:
        store.close_day(day(1, [0.5, -0.5]), NOW)
    file = sqlite3.connect(tmp_path / "evidence.sqlite")
    file.execute("update day set vals = zeroblob(16)")
    file.commit()
    with Store(tmp_path) as store, pytest.raises(Broken, match="2026-03-01"):
        store.days("concurrent", "m@1")


def test_a_step_is_kept_whole_and_a_decision_once(tmp_path: Path) -> None:
    """Notes are replaced, a decision stays as it was written first; published is published."""
    with Store(tmp_path) as store:
        store.write_step({"state": "1"}, ("ab", "first"), NOW)
        store.write_step({"state": "2"}, ("ab", "second"), NOW)
        store.write_step({"state": "3"}, None, NOW)
        assert (store.note("state"), store.decisions(), store.note("else")) == ("3", ["first"], None)
        assert store.decisions(unpublished=True) == ["first"]
        store.mark_published("ab", NOW)
        assert store.decisions(unpublished=True) == []


def test_a_new_file_is_opened_by_several_at_once(tmp_path: Path) -> None:
    """The evaluator and whoever asks `lookalike triggers` at its first start: nobody is turned away."""
    together = Barrier(4)

    def write(number: int, name: str) -> None:
        together.wait(10)
        with Store(tmp_path / str(number)) as store:
            store.write_step({name: "there"}, None, NOW)

    with ThreadPoolExecutor(4) as pool:
        for number in range(25):
            list(pool.map(write, [number] * 4, "abcd"))
            with Store(tmp_path / str(number)) as store:
                assert [store.note(name) for name in "abcd"] == ["there"] * 4


def test_units_of_interleaved_shelves() -> None:
    """One a user and day: who did nothing has none, a heavy user counts as one, other shelves have no part in it."""
    live, anchor = 1, 2
    shelves = make_shelves(
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
        user=[7, 7, 8, 9, 7],
        drawn=[3, 3, 3, 3, 0],
        team=[[live, anchor]] * 5,
        model=["m@1"] * 5,
        anchor=["a@1"] * 5,
        grade=[[CLICK, 0], [0, PURCHASE], [0, 0], [CLICK, 0], [CLICK, CLICK]],
        surface=["app"] * 5,
        category=[1, 1, 1, 1, 1],
        categories=("", "bags/small"),
        at=[0, 5, 5, DAY_US - 1, 9],
    )
    (found,) = concurrent_days(shelves)
    assert (found.model, found.anchor, found.day, found.strata) == ("m@1", "a@1", date(1970, 1, 1), ("bags on app",))
    assert sorted(found.of(LEAD).tolist()) == [-1.0, 0.5]


def test_a_user_without_a_key_is_each_time_another() -> None:
    """The request stands for itself; days and models are kept apart."""
    shelves = make_shelves(
        [[1, 2]] * 3,
        user=[1, 2, 1],
        drawn=[3] * 3,
        team=[[1, 2]] * 3,
        grade=[[0, 1]] * 3,
        at=[0, 0, DAY_US],
        model=["m@1"] * 3,
        anchor=["a@1"] * 3,
    )
    assert [(each.day.day, len(each.codes)) for each in concurrent_days(shelves)] == [(1, 2), (2, 1)]


def test_observed_units_are_a_users_means() -> None:
    """By stratum; nan where none of the shelves has the measure, interleaved shelves left out."""
    shelves = make_shelves(
        [[1, 2]] * 6,
        user=[1, 1, 1, 2, 2, 2],
        drawn=[0, 0, 0, 0, 3, 0],
        visible=[True] * 5 + [False],
        surface=["app", "app", "web", "app", "app", "web"],
        grade=[[1, 0], [3, 0], [0, 0], [0, 0], [3, 3], [3, 3]],
        model=["m@1"] * 6,
    )
    (found,) = observed_days(shelves)
    assert found.strata == (" on app", " on web")
    units = sorted(zip(found.codes.tolist(), *found.values.T.tolist(), strict=True), key=lambda row: (row[0], row[2]))
    assert [row[2] for row in units] == [0.0, 2.0, 0.0]
    assert [row[1] for row in units][1] == 1.0
    assert np.isnan([units[0][1], units[2][1]]).all()


def test_what_is_kept_names_nobody(tmp_path: Path) -> None:
    """The order of the units tells nothing of whose they are: shelves in any order give the same bytes."""
    columns = {"user": [11, 12, 13], "drawn": [3] * 3, "team": [[1, 2]] * 3, "model": ["m@1"] * 3}
    one = concurrent_days(make_shelves([[1, 2]] * 3, grade=[[0, 1], [1, 0], [1, 1]], **columns))
    other = concurrent_days(make_shelves([[1, 2]] * 3, grade=[[1, 1], [0, 1], [1, 0]], **columns))
    kept = []
    for number, days in enumerate((one, other)):
        with Store(tmp_path / str(number)) as store:
            store.close_day(days[0], NOW)
            kept.append(store.days("concurrent", "m@1")[0].values.tobytes())
    assert kept[0] == kept[1]


def test_a_day_without_interleaved_shelves_has_no_units() -> None:
    """Nor has an empty one."""
    shelves = make_shelves([[1, 2]], model=["m@1"])
    assert concurrent_days(shelves) == []
    assert observed_days(shelves.pick(np.array([False]))) == []
