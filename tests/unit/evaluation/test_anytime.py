"""Looked at again and again: at some look the sequence misses in 5 % of sites at most, an interval in many."""

import numpy as np
import pytest

from workers.evaluation.anytime import TUNED_FOR, holm, p_value, sequence_interval, widths
from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Figure
from workers.evaluation.figures import compare, evaluate
from workers.evaluation.shelves import Floats, Shelves, make_shelves

SITES, LOOKS = 1_000, np.unique(np.geomspace(30, 20_000, 120).astype(int))


def missed(values: Floats, truth: float) -> tuple[float, float]:
    """Of sites whose users' values come in order, (sites, users): how many a look ever fools, sequence and interval."""
    seen = np.cumsum(values, axis=1)[:, LOOKS - 1]
    squares = np.cumsum(values**2, axis=1)[:, LOOKS - 1]
    means = seen / LOOKS
    errors = np.sqrt((squares / LOOKS - means**2) / (LOOKS - 1))
    off = np.abs(means - truth) / np.maximum(errors, 1e-12)
    return tuple(float((off > wide).any(axis=1).mean()) for wide in (np.array([widths(n) for n in LOOKS]), 1.96))  # type: ignore[return-value]  # two of them


@pytest.mark.parametrize("law", ["normal", "clicks", "heavy"])
def test_a_site_that_is_looked_at_120_times(law: str) -> None:
    """From 30 users to 20,000: even values, clicks, and values of which few are large."""
    draws = np.random.default_rng(1)
    values, truth = {
        "normal": (draws.normal(0, 1, (SITES, LOOKS[-1])), 0.0),
        "clicks": ((draws.random((SITES, LOOKS[-1])) < 0.2).astype(np.float64), 0.2),
        "heavy": (draws.exponential(1, (SITES, LOOKS[-1])), 1.0),
    }[law]
    sequence, interval = missed(values, truth)
    assert sequence <= 0.05
    assert interval > 0.3  # what looking costs


def test_users_that_come_back_are_no_new_evidence() -> None:
    """200 users with lasting tastes come daily for 60 days: errors are of users, and the sequence still holds."""
    draws, days, users, fooled = np.random.default_rng(2), 60, 200, 0
    for _ in range(300):
        taste = draws.normal(0, 1, users)
        daily = taste + draws.normal(0, 2, (days, users))
        so_far = np.cumsum(daily, axis=0) / np.arange(1, days + 1)[:, None]
        errors = so_far.std(axis=1, ddof=1) / np.sqrt(users)
        fooled += bool((np.abs(so_far.mean(axis=1)) > widths(users) * errors).any())
    assert fooled <= 0.05 * 300


def test_it_is_narrowest_where_it_is_tuned() -> None:
    """In widths of the best sequence for so many users: any other tuning is worse at TUNED_FOR users."""
    at, near = widths(TUNED_FOR), [widths(TUNED_FOR * factor) for factor in (0.02, 50)]
    assert at < min(near)
    assert 1.5 < at / 1.96 < 1.6


def test_the_p_value_is_the_interval_turned_round() -> None:
    """Just at the edge of the interval it is 5 %; with too few replicates, or none that vary, it says nothing."""
    draws = np.random.default_rng(3).normal(0, 0.1, 400)
    draws -= draws.mean()
    values = np.concatenate(([0.0], draws))
    edge = sequence_interval(values, 400).high
    assert p_value(values + edge, 400) == pytest.approx(0.05)
    assert p_value(np.array([1.0]), 400) == 1
    assert p_value(np.ones(401), 400) == 1


def test_holm_as_computed_by_hand() -> None:
    """Smallest times four, next times three, never less than the one before; the order of the answers is that given."""
    assert holm([0.02, 0.01, 0.5, 0.04]) == pytest.approx([0.06, 0.04, 0.5, 0.08])
    assert holm([]) == []


def shelves_of(categories: int, odd: float, seed: int) -> Shelves:
    """Shelves of equally good categories of one item, but the last, whose items are clicked `odd` times as often."""
    draws, count = np.random.default_rng(seed), 500 * categories
    category = np.repeat(np.arange(1, categories + 1), 500)
    clicked = draws.random(count) < np.where(category == categories, 0.3 * odd, 0.3)
    names = tuple(f"kind{number:02d}" for number in range(categories))
    return make_shelves(
        np.ones((count, 1)),
        grade=clicked[:, None],
        user=draws.integers(1, 1 << 62, count),
        category=category,
        categories=("", *names),
    )


def test_of_many_alike_slices_none_differs() -> None:
    """Twenty slices, ten sites: not one is marked, though 95 % intervals leave out the figure of all in many."""
    marked, outside = 0, 0
    for seed in range(10):
        found = evaluate(shelves_of(20, 1.0, seed))
        total = found["DCG@5"]
        assert isinstance(total, Figure)
        for where, differs in found.differs.items():
            told = found.by_slice[where]["DCG@5"]
            assert isinstance(told, Figure)
            outside += total.value not in told.interval
            marked += differs["DCG@5"] < 0.05
    assert outside >= 4
    assert marked == 0


def test_a_slice_that_is_different_is_found() -> None:
    """Clicked twice as often: it alone is marked."""
    differs = evaluate(shelves_of(20, 2.0, 99)).differs
    marked = {name for (by, name), found in differs.items() if by == "category" and found["DCG@5"] < 0.05}
    assert marked == {"kind19"}


def test_only_slices_of_shelves_are_compared() -> None:
    """A kind with one slice is all shelves, and positions and ages are of items."""
    found = evaluate(shelves_of(3, 1.0, 5), USUAL)
    assert {by for by, _ in found.differs} == {"category"}
    assert {by for by, _ in found.by_slice} > {"category", "position", "surface"}


def test_a_comparison_has_both_intervals() -> None:
    """The one for every look is the wider one, around the same difference."""
    one, other = (stats(shelves_of(2, odd, 7)) for odd in (1.0, 1.3))
    told = compare(one, other)["DCG@5"]
    assert isinstance(told, Figure)
    assert told.anytime is not None
    assert told.anytime.low < told.interval.low < told.value < told.interval.high < told.anytime.high
