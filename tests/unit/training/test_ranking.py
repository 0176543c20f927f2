"""The measures against worked examples."""

import numpy as np
import pytest

from workers.training.ranking import agreement, chance_recall, ndcg, neighbours, overlap, ratio_interval, recall

LINE = np.array([[1, 0], [1, 0.1], [1, 0.3], [1, 1]], np.float32)


def test_neighbours_come_by_angle_without_the_row_itself() -> None:
    """Each row's nearest others, nearest first."""
    assert neighbours(LINE, 3).tolist() == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]


def test_ndcg_worked_example() -> None:
    """Row 0 of group a meets b, a, b: its one relevant is second, so its nDCG is (1 / log2 3) / 1 = 0.6309.

    Row 2 meets b, a, b likewise. Rows 1 and 3 (group b) find each other last of three, at 1 / log2 4 = 0.5.
    """
    groups = np.array(["a", "b", "a", "b"])
    assert ndcg(LINE, groups, 5) == pytest.approx([0.63093, 0.5, 0.63093, 0.63093], abs=1e-4)


def test_a_row_alone_in_its_group_is_not_asked() -> None:
    """Without anything relevant there is no nDCG, rather than one of 0."""
    assert len(ndcg(LINE, np.array(["a", "a", "b", "c"]))) == 2


def test_recall_counts_texts_that_find_their_own() -> None:
    """Text 0 finds its picture first; text 1 finds its own only among two."""
    pictures = np.eye(2, dtype=np.float32)
    texts = np.array([[1, 0], [1, 0.5]], np.float32)
    own = np.array([[True, False], [False, True]])
    assert recall(texts, pictures, own, 1).tolist() == [1, 0]
    assert recall(texts, pictures, own, 2).tolist() == [1, 1]


def test_chance_recall_is_one_less_the_chance_to_miss() -> None:
    """One picture of five among two drawn: 2/5. Two of five: 1 − 3/5 · 2/4 = 0.7. All five: 1."""
    own = np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], np.bool_)
    assert chance_recall(own, 2) == pytest.approx([0.4, 0.7, 1.0])


def test_vectors_agree_with_their_own_rotation() -> None:
    """A rotation changes no angle: full overlap, rank correlation 1."""
    rows = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    turned = rows[:, [1, 0, 3, 2]]
    assert overlap(rows, turned) == 1
    assert agreement(rows, turned) == pytest.approx(1)


def test_unrelated_vectors_do_not_agree() -> None:
    """Independent vectors share about 5 of 99 neighbours, and their cosines don't correlate."""
    chance = np.random.default_rng(0)
    ours, theirs = (chance.standard_normal((100, 64)).astype(np.float32) for _ in range(2))
    assert overlap(ours, theirs) < 0.12
    assert abs(agreement(ours, theirs)) < 0.1


def test_interval_holds_the_ratio() -> None:
    """The bootstrap's interval of a ratio surrounds it, and is nothing but it where every query has the same."""
    ours, theirs = np.array([0.2, 0.4, 0.9, 0.5]), np.array([0.3, 0.5, 0.8, 0.9])
    low, high = ratio_interval(ours, theirs)
    assert low < ours.mean() / theirs.mean() < high
    assert ratio_interval(0.5 * theirs, theirs) == pytest.approx((0.5, 0.5))
