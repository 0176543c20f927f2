"""Every verdict has its age, and beside it how far each measure has fallen; what can't be read is no fresh start."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from streams.errors import Broken
from workers.decision.decision_round import STATE, RoundRequest, last_signals, last_state, run_round
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.measured_falls import measured_falls
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.retrain_requests import RefusedRequest
from workers.decision.signals import Signals
from workers.decision.verdict import FAILED, RoundFailure, VerdictAge, age_of, last_verdict
from workers.interactions.reach import Reach
from workers.simulate.parquet import write_parquet

FIRST = date(2026, 9, 1)
POLICY = RetrainPolicy.model_validate({})


class NoLog:
    """Nothing was ever requested, and nothing may be."""

    def requested(self) -> list[object]:
        """None."""
        return []

    def publish_missing(self, requests: list[object]) -> list[RefusedRequest]:
        """Never asked."""
        raise AssertionError(requests)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty one."""
    with Store(tmp_path / "decide") as made:
        yield made


def observed(days: int, level: float, after: int, fallen: float) -> list[Day]:
    """Days of 400 units; from `after` on DCG@5 is at `fallen`, nDCG@5 always the same."""
    draws = np.random.default_rng(4)
    found = []
    for number in range(days):
        dcg = (fallen if number >= after else level) + draws.normal(0.0, 0.2, 400)
        values = np.stack([0.6 + draws.normal(0.0, 0.1, 400), dcg], axis=1)
        codes = np.zeros(400, np.int32)
        found.append(
            Day("observed", "m@1", "", FIRST + timedelta(number), (NDCG, DCG), ("bags on app",), codes, values)
        )
    return found


def test_a_fall_is_shown_before_there_is_any_evidence(store: Store) -> None:
    """DCG@5 from 0.55 to 0.25 within the days of the reference: nothing can be requested yet, and it is said."""
    for day in observed(20, 0.55, 10, 0.25):
        store.close_day(day, datetime(2026, 10, 1, tzinfo=UTC))
    signals = Signals(live="m@1")
    now = RoundRequest(now=datetime(2026, 10, 1, tzinfo=UTC))
    result = run_round(store, [], lambda _: signals, POLICY, NoLog(), now)  # type: ignore[arg-type]
    assert result.outcome.kind == "quiet"
    assert result.as_of == FIRST + timedelta(19)
    by_measure = {each.measure: each for each in result.falls}
    fall = by_measure[DCG]
    assert fall.certain
    assert fall.low < 1 - 0.25 / 0.55 < fall.high
    assert "lower" in str(fall)
    assert not by_measure[NDCG].certain
    assert by_measure[NDCG].low < 0 < by_measure[NDCG].high
    assert DCG in result.outcome.message  # where nothing is asked for, the fall is in the verdict's own words


def test_how_often_the_interval_holds_no_change() -> None:
    """Of 200 models that did not change, few are said to have: the interval is one of 95 %."""
    wrong = 0
    for seed in range(200):
        draws = np.random.default_rng(seed)
        days = [
            Day("observed", "m", "", FIRST + timedelta(n), (NDCG, DCG), ("a",), np.zeros(40, np.int32), values)
            for n, values in enumerate(0.4 * draws.normal(1, 0.02, (24, 1, 1)) + draws.normal(0.0, 0.1, (24, 40, 2)))
        ]
        wrong += any(each.low > 0 or each.high < 0 for each in measured_falls(days, POLICY) if each.measure == DCG)
    assert wrong <= 20


@pytest.mark.parametrize("days", [0, 1, 3, 6])
def test_too_few_days_for_a_fall(days: int) -> None:
    """Of less than four days after the first ones nothing is said."""
    assert measured_falls(observed(days, 0.5, 99, 0.0), POLICY) == ()


def test_the_age_of_a_verdict(tmp_path: Path, store: Store) -> None:
    """By the clock of the records: none yet, of the usual age, overdue; and the failure of a round stands beside it."""
    write_parquet(tmp_path / "interactions", "calm", days=9, shelves_per_day=30, listings=200)
    empty = last_verdict(store, tmp_path / "interactions")
    assert empty.result is None
    assert empty.age.behind_days == 8  # the hundredth newest event is of the day before the last
    assert empty.age.late
    store.write_step(
        {FAILED: RoundFailure(at=datetime(2026, 9, 9, tzinfo=UTC), error="no").model_dump_json()}, None, NOW
    )
    failed = last_verdict(store, tmp_path / "interactions").failure
    assert failed is not None
    assert failed.error == "no"
    assert last_verdict(store, tmp_path / "nothing").age == VerdictAge(None, None)


NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(("behind", "late"), [(3, False), (5, False), (6, True), (40, True)])
def test_when_a_verdict_is_late(behind: int, late: bool) -> None:
    """A day is closed three days after its end; a day more is usual."""
    age = VerdictAge(FIRST, FIRST + timedelta(behind))
    assert age.late is late
    assert f"{behind} days behind the records" in str(age)
    assert ("overdue" in str(age)) is late


def test_no_records_no_age() -> None:
    """Nothing is said of what nobody knows."""
    reach = Reach(datetime(2026, 9, 9, tzinfo=UTC), (FIRST,), ())
    assert age_of(None, reach).behind_days == 9
    assert age_of(None, None).behind_days is None


def test_notes_of_another_version(store: Store) -> None:
    """Signals are measured anew; what evidence was used up may not be forgotten, so that is refused in words."""
    store.write_step({"signs": '{"live": "m@1", "a_later_field": 1}', STATE: '{"a_later_field": 1}'}, None, NOW)
    assert last_signals(store) == Signals.model_validate({})
    with pytest.raises(Broken, match="restore"):
        last_state(store)
