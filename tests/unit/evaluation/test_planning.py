"""How long an experiment must last: the plan's days find the difference as often as it says."""

import numpy as np
import pytest

from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import stats
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.planning import ONE_LOOK, POWER, plan
from workers.evaluation.shelves import Shelves, make_shelves

RATE = 0.3


def day(users: np.ndarray, seed: int, rate: float = RATE) -> Shelves:
    """A shelf of one item for each user, clicked with probability `rate`."""
    clicked = np.random.default_rng(seed).random(len(users)) < rate
    return make_shelves(np.ones((len(users), 1)), grade=clicked[:, None], user=users)


def recorded(days: int, *, same_users: bool, count: int = 1_000) -> list[DayStats]:
    """Days of as many users each, new ones or the same, whose taste lasts."""
    draws = np.random.default_rng(1)
    users, taste = draws.integers(1, 1 << 62, (days, count)), draws.random(count) < RATE
    if not same_users:
        return [stats(day(users[number].astype(np.uint64), number)) for number in range(days)]
    listing = np.ones((count, 1))
    return [stats(make_shelves(listing, grade=taste[:, None], user=users[0])) for _ in range(days)]


def test_the_days_are_those_of_the_textbook() -> None:
    """Other users each day: four variances of one user over the squared difference, for 80 % power at 5 %."""
    needed = plan(recorded(8, same_users=False), USUAL, 0.1)["DCG@5"]
    users = 4 * (ONE_LOOK + 0.8416) ** 2 * RATE * (1 - RATE) / (0.1 * RATE) ** 2
    assert needed.one_look == pytest.approx(users / 1_000, rel=0.2)
    assert needed.growth.slope < -0.8
    assert needed.every_look is not None
    assert needed.one_look is not None
    assert needed.every_look > 1.3 * needed.one_look


def test_an_experiment_of_so_many_days_finds_it() -> None:
    """600 experiments as long as planned: 80 % find the difference, give or take what the plan itself is unsure of."""
    needed = plan(recorded(8, same_users=False), USUAL, 0.1)["DCG@5"].one_look
    assert needed is not None
    draws, half = np.random.default_rng(2), needed * 500
    one, other = draws.binomial(half, RATE, 600) / half, draws.binomial(half, 1.1 * RATE, 600) / half
    errors = np.sqrt((one * (1 - one) + other * (1 - other)) / half)
    found = float(((other - one) / errors > ONE_LOOK).mean())
    assert found == pytest.approx(POWER, abs=0.1)


def test_users_who_come_back_teach_little() -> None:
    """Where the same people answer the same way every day, no number of days finds a small difference."""
    needed = plan(recorded(8, same_users=True), USUAL, 0.05)["DCG@5"]
    assert needed.growth.slope == pytest.approx(0, abs=0.05)
    assert (needed.one_look, needed.every_look) == (None, None)


def test_a_smaller_difference_takes_longer() -> None:
    """Half of it four times as long; of one recorded day, as if every day brought other users."""
    [one], days = recorded(1, same_users=False), {}
    for effect in (0.2, 0.1, 0.05):
        days[effect] = plan([one], USUAL, effect)["DCG@5"].one_look or 0
    assert days[0.1] == pytest.approx(4 * days[0.2], abs=4)
    assert days[0.05] == pytest.approx(4 * days[0.1], abs=4)


def test_what_lacks_evidence_has_no_plan() -> None:
    """Nor does anything where nothing is recorded."""
    users = np.arange(1, 21, dtype=np.uint64)
    assert plan([stats(day(users, 3))], USUAL, 0.1) == {}
    assert plan([DayStats()], USUAL, 0.1) == {}
