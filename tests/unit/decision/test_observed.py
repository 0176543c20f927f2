"""Observed evidence: held against the days after promotion, at their mix; and what is only shown."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from streams.errors import LookalikeError
from workers.decision import diagnostics, evidence_store
from workers.decision.alarms import observed_reading
from workers.decision.baseline import reference, shortfall
from workers.decision.evidence_store import Day, Floats, Store
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import RetrainPolicy, Span
from workers.decision.signals import Signals

FIRST = date(2026, 3, 1)
LEVELS = {"bags": 0.6, "shoes": 0.3, "drones": 0.1}


def day(number: int, shares: Sequence[float], factor: float = 1.0, noise: float = 0.1) -> Day:
    """A day of 1,000 units in bags, shoes and drones, by these shares."""
    draws = np.random.default_rng([number, 4])
    counts = (np.array(shares) * 1_000).astype(int)
    codes = np.repeat(np.arange(3), counts).astype(np.int32)
    level = np.array(list(LEVELS.values()))[codes] * factor * draws.normal(1.0, 0.005)
    values: Floats = level[:, None] + draws.normal(0.0, noise, (len(codes), 2))
    return Day("observed", "m@1", "", FIRST + timedelta(number), (NDCG, DCG), tuple(LEVELS), codes, values)


USUAL = [day(number, (0.6, 0.4, 0.0)) for number in range(31)]
RULES = RetrainPolicy.model_validate({})


def read(later: list[Day], rules: RetrainPolicy = RULES) -> tuple[bool, float | None]:
    """Whether there is an alarm after the usual days, and the drop it tells."""
    reading = observed_reading([*USUAL, *later], rules)
    return reading.alarm is not None, reading.drop


def test_a_mix_that_moves_is_not_a_fall() -> None:
    """The mean falls by a fifth; at the reference's mix nothing has changed."""
    later = [day(number, (0.3, 0.7, 0.0)) for number in range(31, 60)]
    assert later[0].of(DCG).mean() < 0.85 * USUAL[0].of(DCG).mean()
    assert read(later) == (False, None)


def test_a_fall_within_is_found() -> None:
    """By about as much as it is, whatever the mix does meanwhile."""
    alarm, drop = read([day(number, (0.3, 0.7, 0.0), 0.93) for number in range(31, 60)])
    assert alarm
    assert drop == pytest.approx(0.07, abs=0.01)


def test_a_new_category_counts_by_its_share() -> None:
    """A fifth of the units is of a kind that the model has not learnt."""
    alarm, drop = read([day(number, (0.48, 0.32, 0.2)) for number in range(31, 60)])
    assert alarm
    assert drop == pytest.approx(0.2 * (0.48 - 0.1) / 0.48, abs=0.02)


def test_known_holidays_are_left_out() -> None:
    """A fall on these days says nothing; the same fall on other days is found."""
    later = [day(number, (0.6, 0.4, 0.0), 0.9) for number in range(31, 45)]
    holidays = (Span(first=later[0].day, last=later[-1].day, name="spring"),)
    quiet = [*later, *(day(number, (0.6, 0.4, 0.0)) for number in range(45, 60))]
    assert read(quiet)[0]
    assert read(quiet, RULES.model_copy(update={"holidays": holidays})) == (False, None)


def test_a_day_that_shows_too_little_is_no_day() -> None:
    """Less than half of the reference's mix: nothing can be told from it."""
    found = reference(USUAL, DCG)
    assert found is not None
    assert shortfall(day(40, (0.0, 1.0, 0.0)), DCG, found) is None
    assert shortfall(day(40, (0.1, 0.0, 0.0)), DCG, found) == pytest.approx(0.0, abs=0.05)


def test_a_reference_of_nothing() -> None:
    """One day, or days without units, are none."""
    assert reference(USUAL[:1], DCG) is None
    assert reference([day(number, (0.0, 0.0, 0.0)) for number in range(3)], DCG) is None


def test_drift_is_shown_beside_what_is_only_chance() -> None:
    """And decides nothing."""
    draws = np.random.default_rng(2)
    centre = np.zeros(16)
    centre[0] = 3.0
    earlier, same = draws.normal(centre, 1.0, (400, 16)), draws.normal(centre, 1.0, (400, 16))
    moved = draws.normal(centre[::-1], 1.0, (400, 16))
    assert diagnostics.drift(earlier, same).distance < 3 * diagnostics.drift(earlier, same).usual
    assert diagnostics.drift(earlier, moved).distance > 0.5
    with pytest.raises(ValueError, match="two vectors"):
        diagnostics.drift(earlier, moved[:1])
    signs = Signals(promoted=FIRST, drift=0.2, new_pairs=12_000)
    assert diagnostics.describe_diagnostics(signs, FIRST + timedelta(9)) == {
        "age": "live for 9 days",
        "drift": "new listings lie 0.200 (1 - cosine) from the earlier ones",
        "new pairs": "12,000 since it was trained",
    }


def test_another_process_that_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, not for ever."""
    monkeypatch.setattr(evidence_store, "WAIT_SECONDS", 0.1)
    with Store(tmp_path) as one, Store(tmp_path) as other, one.exclusive():
        with pytest.raises(LookalikeError, match="another process is deciding"), other.exclusive():
            pass
        assert other.note("state") is None
    with Store(tmp_path) as store, store.exclusive():
        store.write_step({"state": "1"}, None, datetime.now(UTC))
