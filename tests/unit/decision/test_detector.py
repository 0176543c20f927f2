"""The e-detector keeps its promise: by exact enumeration on discrete nulls, not by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.decision.e_detector import BETS, Detector, log_factors, run

POINTS = (-1.0, 0.0, 1.0)
FEW = (0.1, 0.4, 0.8)


def worst(mean: float, spread: float) -> tuple[float, ...]:
    """A distribution on POINTS with this mean; `spread` 0 to 1 chooses how much of it lies at the ends."""
    ends = abs(mean) + spread * (1 - abs(mean))
    return ((ends - mean) / 2, 1 - ends, (ends + mean) / 2)


means = st.floats(-0.9, 0.9)
spreads = st.floats(0.0, 1.0)
margins = st.floats(-0.3, 0.2)


@given(st.lists(st.tuples(means, spreads), min_size=1, max_size=4), margins)
def test_a_days_factor_is_at_most_one_on_average(units: list[tuple[float, float]], margin: float) -> None:
    """Users may differ as they like, as long as the mean of their expectations is at the margin or below."""
    excess = max(0.0, sum(mean for mean, _ in units) / len(units) - margin)
    laws = [worst(max(-1.0, mean - excess), spread) for mean, spread in units]
    centre = sum(law[2] - law[0] for law in laws) / len(laws)
    assume(centre <= margin)  # else it was cut at -1, and is no null
    expected = np.zeros(len(FEW))
    for outcome in itertools.product(range(3), repeat=len(laws)):
        chance = math.prod(law[place] for law, place in zip(laws, outcome, strict=True))
        expected += chance * np.exp(log_factors(np.array([POINTS[place] for place in outcome]), margin, FEW))
    assert (expected <= 1 + 1e-12).all()


@given(spreads, st.floats(-0.5, 0.0), st.integers(2, 40))
def test_the_run_is_as_long_as_stated(spread: float, mean: float, run_length: int) -> None:
    """Over all histories of four days: A × the chance of an alarm is at most the mean of the days until it."""
    law = worst(mean, spread)
    factor = [log_factors(np.array([point]), 0.0, FEW) for point in POINTS]
    chance_of_alarm = mean_days = 0.0
    for history in itertools.product(range(3), repeat=4):
        chance = math.prod(law[place] for place in history)
        alarm = run([factor[place] for place in history], run_length).alarm_index
        chance_of_alarm += chance * (alarm is not None)
        mean_days += chance * (4 if alarm is None else alarm + 1)
    assert run_length * chance_of_alarm <= mean_days + 1e-9


@given(st.integers(1, 4), spreads)
def test_m_minus_the_days_does_not_rise(days: int, spread: float) -> None:
    """E[M_t] <= t, with what a user prefers kept from day to day."""
    expected = 0.0
    for history in itertools.product(range(3), repeat=days):
        state = Detector.fresh(FEW)
        for place in history:
            state = state.after(log_factors(np.array([POINTS[place]]), 0.0, FEW))
        expected += math.prod(worst(0.0, spread)[place] for place in history) * state.e_value
    assert expected <= days + 1e-9


@given(st.lists(st.floats(-1, 1), max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_units_does_not_matter(units: list[float], shuffler: object) -> None:
    """To the last digit."""
    mixed = list(units)
    shuffler.shuffle(mixed)  # type: ignore[attr-defined]
    assert (log_factors(np.array(units), 0.1) == log_factors(np.array(mixed), 0.1)).all()


@pytest.mark.parametrize("unit", [1.1, -1.01, math.nan])
def test_a_unit_outside_is_refused(unit: float) -> None:
    """It would break the promise without a word."""
    with pytest.raises(ValueError, match="must lie in"):
        log_factors(np.array([0.0, unit]), 0.0)


def test_a_bet_that_may_lose_everything_is_refused() -> None:
    """1 + bet × (-1 - margin) must stay above zero."""
    with pytest.raises(ValueError, match="each bet"):
        log_factors(np.array([0.0]), 0.5, (0.7,))


def test_days_without_units_are_no_days() -> None:
    """They neither add to the evidence nor count."""
    factors = [log_factors(np.array([1.0, 0.5]), 0.0), None, log_factors(np.array([0.25]), 0.0)]
    assert run(factors, 1e9).e_values[-1] == run([factors[0], factors[2]], 1e9).e_values[-1]
    assert run([None, None], 2) == run([None, None], 3)
    assert run([None], 2).alarm_index is None


def test_a_fall_is_found_and_its_beginning_told() -> None:
    """Fifty days at par, then the anchor earns 20 % more: an alarm soon after, and the day is about right."""
    draws = np.random.default_rng(5)
    days = [draws.choice([-1.0, 1.0], 100, p=[0.5 - tilt / 2, 0.5 + tilt / 2]) for tilt in [0.0] * 50 + [0.1] * 40]
    found = run([log_factors(day, 0.0) for day in days], 365.0)
    assert found.alarm_index is not None
    assert 50 < found.alarm_index < 75
    assert found.change_index is not None
    assert 44 <= found.change_index <= 56


def test_the_numbers_do_not_overflow() -> None:
    """A thousand days of nothing but losses."""
    state = Detector.fresh(BETS)
    for _ in range(1_000):
        state = state.after(log_factors(np.ones(1_000), 0.0))
    assert state.e_value == math.inf
    assert state.days == 1_000
