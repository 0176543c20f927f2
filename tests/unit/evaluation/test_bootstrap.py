"""The bootstrap over users: weights that are the same anywhere, intervals that hold what they should."""

import subprocess
import sys
from math import exp, factorial

import numpy as np
import pytest
from scipy.stats import binomtest  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.bootstrap import MAX_WEIGHT, weights
from workers.evaluation.estimates import Figure, NotEnoughEvidence
from workers.evaluation.exact_sums import REPLICATES
from workers.evaluation.figures import evaluate
from workers.evaluation.hashing import Hashes, mix
from workers.evaluation.intervals import effective_users, interval
from workers.evaluation.shelves import make_shelves

KNOWN = [[1, 1, 0, 1, 1, 1, 2, 2, 1], [1, 1, 2, 0, 2, 0, 1, 0, 0]]
"""Of users 7 and 8: whoever changes it makes kept sums useless."""


def users(count: int, first: int = 1) -> Hashes:
    """Different ones."""
    return mix(np.arange(first, first + count, dtype=np.uint64))


def test_weights_are_the_same_anywhere() -> None:
    """In another process, among other users, with more replicates."""
    program = """
import numpy as np
from workers.evaluation.bootstrap import weights
print(weights(np.array([7, 8], np.uint64), 8).tolist())
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(KNOWN)
    among = np.concatenate((users(300), np.array([8, 7, 8], np.uint64)))
    for replicates in (8, 9, 400):
        assert weights(among, replicates)[-3:, :9].tolist() == [KNOWN[1], KNOWN[0], KNOWN[1]]


def test_weights_are_poisson() -> None:
    """Of mean and variance 1, and the shares of 0, 1, 2, … as they should be; the estimate's own weight is 1."""
    drawn = weights(users(20_000), REPLICATES)
    assert (drawn[:, 0] == 1).all()
    drawn = drawn[:, 1:].astype(float)
    error = 1 / np.sqrt(drawn.size)
    assert abs(drawn.mean() - 1) < 5 * error + 2e-4
    assert abs(drawn.var() - 1) < 5 * np.sqrt(3) * error + 2e-4  # the fourth moment of Poisson(1) is 4
    for count in range(5):
        share = exp(-1) / factorial(count)
        assert abs((drawn == count).mean() - share) < 5 * np.sqrt(share) * error + 2e-5
    assert drawn.max() <= MAX_WEIGHT


@pytest.mark.parametrize("of", ["users", "replicates"])
def test_weights_are_independent(of: str) -> None:
    """Neither two users nor two replicates go together, neighbours by number no more than others."""
    drawn = weights(np.arange(1, 4_001, dtype=np.uint64), REPLICATES)[:, 1:].astype(float)
    together = np.corrcoef(drawn[:300] if of == "users" else drawn.T[:300])
    off = together[~np.eye(300, dtype=bool)]
    size = drawn.shape[1] if of == "users" else drawn.shape[0]
    assert abs(off.mean()) < 5 / np.sqrt(off.size / 2 * size)
    assert off.std() == pytest.approx(1 / np.sqrt(size), rel=0.05)


def test_the_interval_of_a_mean() -> None:
    """As wide as that of the textbook, for a thousand users with one value each."""
    values = np.random.default_rng(3).exponential(1.0, 1_000)
    drawn = weights(users(1_000), REPLICATES).astype(float)
    found = interval(values @ drawn / drawn.sum(axis=0), 1_000)
    half = 1.962 * values.std(ddof=1) / np.sqrt(1_000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.12)  # 400 replicates know it to 3.5 %
    assert (found.low + found.high) / 2 == pytest.approx(values.mean())


def covered(runs: int, people: int, seed: int) -> int:
    """How often the interval of a known mean holds it: users of uneven activity, each with a leaning of their own."""
    draws, held = np.random.default_rng(seed), 0
    for run in range(runs):
        activity = 1 + draws.geometric(0.4, people)
        user = np.repeat(users(people, 1 + run * people), activity)
        chance = np.clip(0.3 + np.repeat(draws.normal(0, 0.1, people), activity), 0, 1)
        drawn = weights(np.unique(user), REPLICATES).astype(float)
        order = np.searchsorted(np.unique(user), user)
        clicked = draws.random(len(user)) < chance
        counts = np.bincount(order) @ drawn
        found = interval(np.bincount(order, clicked) @ drawn / counts, effective_users(counts))
        held += 0.3 in found
    return held


@pytest.mark.parametrize("people", [15, 60, 400])
def test_intervals_cover(people: int) -> None:
    """About 95 % of them, with few users too; less than 92 % is ruled out."""
    held = covered(1_000, people, people)
    assert binomtest(held, 1_000).proportion_ci(0.999, "exact").high > 0.95
    assert held >= 930


def test_effective_users() -> None:
    """Equally active ones count as many as they are; one who has half of all rows leaves four at most."""
    even, one_heavy = np.full(200, 7.0), np.array([200.0, *np.ones(200)])
    for rows in (even, one_heavy):
        exact = rows.sum() ** 2 / (rows**2).sum()
        drawn = weights(users(len(rows)), 4_000).astype(float)
        assert effective_users(rows @ drawn) == pytest.approx(exact, rel=0.08)  # 4 standard errors
    assert effective_users(np.array([10.0])) == 0


def test_rows_of_one_user_are_no_evidence() -> None:
    """A thousand shelves of one user: not enough, in words; the same of a thousand users is a figure."""
    grade = np.tile([1, 0, 0, 1], 250)[:, None]
    listing = np.ones((1_000, 1))
    alone = evaluate(make_shelves(listing, grade=grade, user=np.full(1_000, 5)))["DCG@5"]
    assert isinstance(alone, NotEnoughEvidence)
    assert alone.of == "equally active users"
    assert alone.have == pytest.approx(1, rel=0.4)  # the variance of one user's 400 weights
    assert str(alone).startswith("not enough evidence: ")
    many = evaluate(make_shelves(listing, grade=grade, user=users(1_000)))["DCG@5"]
    assert isinstance(many, Figure)
    assert (many.value, many.shelves) == (0.5, 1_000)
    assert 0.5 in many.interval


def test_users_not_rows_make_the_interval() -> None:
    """Fifty users with twenty equal shelves each are fifty observations."""
    of_user = np.random.default_rng(9).integers(0, 2, 50)
    repeated = make_shelves(np.ones((1_000, 1)), grade=np.repeat(of_user, 20)[:, None], user=np.repeat(users(50), 20))
    once = make_shelves(np.ones((1_000, 1)), grade=np.repeat(of_user, 20)[:, None])
    wide, narrow = (evaluate(each)["DCG@5"] for each in (repeated, once))
    assert isinstance(wide, Figure)
    assert isinstance(narrow, Figure)
    ratio = (wide.interval.high - wide.interval.low) / (narrow.interval.high - narrow.interval.low)
    assert ratio == pytest.approx(np.sqrt(20), rel=0.15)
    assert wide.users == pytest.approx(50, rel=0.15)


def test_too_few_replicates_have_no_interval() -> None:
    """It is everything."""
    assert 1e9 in interval(np.array([1.0, 2.0]), 50)
    assert 1e9 in interval(np.array([1.0, 2.0, np.nan, np.nan]), 50)
