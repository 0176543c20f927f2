"""What nDCG is worth in a random order, and how far a model's order is from it."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from workers.evaluation.config import USUAL
from workers.evaluation.estimates import Figure, NotEnoughEvidence
from workers.evaluation.figures import Figures, evaluate
from workers.evaluation.measures import Measure, mean
from workers.evaluation.rankings import as_shown, reranked
from workers.evaluation.shelves import Floats, Shelves, make_shelves

NDCG = Measure.parse("nDCG@5")


def shelves_of(count: int, seed: int, **more: Any) -> Shelves:
    """Shelves of 1 to 9 items with grades 0 to 3, each of one of 400 users."""
    draws = np.random.default_rng(seed)
    items = draws.integers(1, 10, count)
    listing = np.where(np.arange(9) < items[:, None], np.arange(1, 10), 0)
    grade = np.where(listing > 0, draws.choice(4, (count, 9), p=[0.7, 0.15, 0.1, 0.05]), 0)
    return make_shelves(listing, grade=grade, user=draws.integers(1, 401, count), **more)


def figure(found: Figures, name: str) -> Figure:
    """A figure that there is enough evidence for."""
    told = found[name]
    assert isinstance(told, Figure), told
    return told


@pytest.mark.parametrize("measure", ["nDCG@5", "nDCG@2", "nDCG(exp)@3", "nDCG@10"])
def test_it_is_the_mean_over_all_orders(measure: str) -> None:
    """Of a shelf of four items in every order they can stand in, whatever the cutoff and the gain."""
    grades = [3, 0, 1, 1]
    orders = np.array(list(permutations(range(4))))
    every = as_shown(make_shelves(orders + 1, grade=np.array(grades)[orders]))
    parsed = Measure.parse(measure)
    assert parsed.at_random(every) == pytest.approx(np.full(24, mean(parsed.of(every))))


def test_shuffled_shelves_score_it() -> None:
    """Shuffled over and over, the shelves score the closed form within the noise of the shuffles."""
    shelves, draws = shelves_of(3_000, 1), np.random.default_rng(2)
    shuffled = [mean(NDCG.of(reranked(shelves, draws.random((3_000, 9))))) for _ in range(60)]
    error = float(np.std(shuffled)) / np.sqrt(60)
    closed = mean(NDCG.at_random(as_shown(shelves)))
    assert abs(float(np.mean(shuffled)) - closed) < 4 * error
    assert figure(evaluate(shelves), "nDCG@5 random order").value == pytest.approx(closed, abs=1e-7)


def test_the_way_from_random_to_best() -> None:
    """0 where the order is random, 1 where it is the best, below 0 where it is the worst; each within its interval."""
    shelves = shelves_of(4_000, 3)
    grades = shelves.grade.astype(np.float64)
    orders: tuple[Floats, ...] = (np.random.default_rng(4).random((4_000, 9)), grades, -grades)
    random, best, worst = (evaluate(shelves, USUAL, scores) for scores in orders)
    name = "nDCG@5 random to best"
    assert 0 in figure(random, name).interval
    assert figure(best, name).value == pytest.approx(1)
    assert figure(worst, name).interval.high < 0
    baselines = {figure(found, "nDCG@5 random order").value for found in (random, best, worst)}
    assert len(baselines) == 1  # it is of the items, not of their order


def test_both_are_of_the_same_shelves() -> None:
    """The share follows from the two means, and counts the shelves with a relevant item alone."""
    found = evaluate(shelves_of(2_000, 5))
    ndcg, random, way = (figure(found, f"nDCG@5{end}") for end in ("", " random order", " random to best"))
    assert way.value == pytest.approx((ndcg.value - random.value) / (1 - random.value))
    assert ndcg.shelves == random.shelves == way.shelves < 2_000
    assert way.users == ndcg.users


def test_where_no_order_matters_there_is_no_way() -> None:
    """Shelves of one item, or of equal ones: random is best, and the words say so instead of a figure."""
    one = make_shelves(np.ones((300, 1)), grade=np.ones((300, 1)))
    equal = make_shelves(np.tile([1, 2, 3], (300, 1)), grade=np.full((300, 3), 2))
    for shelves in (one, equal):
        found = evaluate(shelves)
        assert figure(found, "nDCG@5 random order").value == 1
        told = found["nDCG@5 random to best"]
        assert isinstance(told, NotEnoughEvidence)
        assert told.of == "shelves on which the order matters"


def test_another_measure_has_no_baseline() -> None:
    """Only nDCG is told beside a random order."""
    with pytest.raises(ValueError, match="P@1 of a random order"):
        Measure.parse("P@1").at_random(as_shown(shelves_of(10, 6)))
    assert not [name for name in evaluate(shelves_of(500, 7)).by_slice["all", ""] if name.startswith("P@1 random")]
