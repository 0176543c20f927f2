"""Variants: the difference from the first by name, and the split of the users that it rests on."""

from dataclasses import replace

import numpy as np
import pytest

from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Figure
from workers.evaluation.shelves import Shelves, make_shelves
from workers.evaluation.variants import Split, variant_differences


def shelves_of(rates: dict[str, float], count: int = 4_000) -> Shelves:
    """Shelves of one item, each of a user of his own, clicked as often as the variant says."""
    draws, names = np.random.default_rng(1), list(rates)
    which = draws.integers(0, len(names), count)
    clicked = draws.random(count) < np.array(list(rates.values()))[which]
    return make_shelves(np.ones((count, 1)), grade=clicked[:, None], variant=[names[each] for each in which])


def test_each_is_compared_with_the_first_by_name() -> None:
    """Also where another one comes first in the records; who has no variant is in none."""
    found = variant_differences(stats(shelves_of({"b": 0.4, "a": 0.3, "": 0.9, "c": 0.3})), USUAL)
    assert list(found) == [("a", "b"), ("a", "c")]
    better, same = (found["a", name]["DCG@5"] for name in ("b", "c"))
    assert isinstance(better, Figure)
    assert isinstance(same, Figure)
    assert 0.1 in better.interval
    assert better.interval.low > 0
    assert same.anytime is not None
    assert 0 in same.anytime


def test_without_two_there_is_nothing_to_compare() -> None:
    """One variant, none, or not sliced by it."""
    assert variant_differences(stats(shelves_of({"a": 0.3})), USUAL) == {}
    assert variant_differences(stats(shelves_of({"": 0.3})), USUAL) == {}
    config = replace(USUAL, by=("category",))
    assert variant_differences(stats(shelves_of({"a": 0.3, "b": 0.3}), config), config) == {}


def test_the_sample_ratio() -> None:
    """Even splits are seldom called uneven, a loss of a tenth of 4,000 users is; those with both say nothing."""
    draws = np.random.default_rng(2).binomial(4_000, 0.5, 500)
    assert np.mean([Split(int(one), 4_000 - int(one), 0).p_value < 0.05 for one in draws]) <= 0.08
    assert Split(2_000, 1_700, 0).p_value < 0.001
    assert Split(300, 300, 290).p_value == pytest.approx(1)
    assert Split(0, 0, 0).p_value == 1
