"""Measures are values with one spelling; per shelf first, the mean after."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evaluation.estimates import Estimate, Figure
from workers.evaluation.figures import evaluate
from workers.evaluation.measures import PAPER, USUAL, Measure, mean
from workers.evaluation.rankings import as_shown, full_index, reranked
from workers.evaluation.shelves import Shelves, make_shelves

SPELLINGS = ("nDCG@5", "DCG@5", "nDCG(exp)@10", "DCG(exp)@1", "P@1", "P@3", "MRR@10", "Recall@50", "CTR", "CVR")


def value(told: Estimate) -> float:
    """The value of a figure that was told."""
    assert isinstance(told, Figure), str(told)
    return told.value


def clicked_shelves(count: int = 2_000) -> Shelves:
    """Each has a click, at place 1 to 5 in turn."""
    grade = np.zeros((count, 5), int)
    grade[np.arange(count), np.arange(count) % 5] = 1
    return make_shelves(np.tile(np.arange(1, 6), (count, 1)), grade=grade)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_spelling(spelling: str) -> None:
    """What is read is what is written."""
    assert str(Measure.parse(spelling)) == spelling


@pytest.mark.parametrize(
    "spelling", ["ndcg@5", "nDCG", "nDCG@0", "nDCG@05", "CTR@5", "P(exp)@1", "nDCG@5 ", "", "MAP@5", "DCG(log)@5"]
)
def test_no_other_spelling(spelling: str) -> None:
    """The message says what may be written, or what is wrong."""
    with pytest.raises(ValueError, match=r"CTR|cutoff|gain"):
        Measure.parse(spelling)


def test_what_is_always_shown() -> None:
    """The paper's three, and beside them DCG@5 over all visible shelves."""
    assert [str(each) for each in PAPER] == ["nDCG@5", "P@1", "P@3"]
    assert {"nDCG@5", "P@1", "P@3", "DCG@5"} <= {str(each) for each in USUAL}
    assert {str(each): each.over for each in USUAL}["DCG@5"] == "visible"
    assert all(each.over == "relevant" for each in PAPER)


def test_per_shelf_first() -> None:
    """A shelf with many clicks weighs as much as one with one click."""
    shelves = make_shelves([[1, 2, 3], [1, 2, 3]], grade=[[1, 1, 1], [0, 0, 1]])
    assert mean(Measure.parse("P@1").of(as_shown(shelves))) == 0.5
    assert mean(Measure.parse("nDCG@5").of(as_shown(shelves))) == 0.75


def test_half_the_clicks_lost() -> None:
    """DCG@5 is half of what it was; nDCG@5 stands still, and only the share without a relevant item tells."""
    before = clicked_shelves()
    kept = np.random.default_rng(1).permutation(len(before) // 5) % 2 == 0
    after = make_shelves(
        before.listing, grade=before.grade * np.repeat(kept, 5)[:, None]
    )  # of each place half are lost
    one, other = evaluate(before), evaluate(after)
    assert value(other["DCG@5"]) == pytest.approx(value(one["DCG@5"]) / 2, rel=1e-9)
    assert value(other["nDCG@5"]) == pytest.approx(value(one["nDCG@5"]), rel=1e-9)
    assert (value(one["no relevant item"]), value(other["no relevant item"])) == (0, 0.5)


def test_ctr_and_cvr() -> None:
    """CTR: shelves with a click, be there one or three; CVR: with a purchase that stands; both of all visible ones."""
    grade, clicked = [[3, 1, 1], [3, 0, 0], [0, 0, 0], [1, 0, 0]], [[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    shown = as_shown(make_shelves(np.tile([1, 2, 3], (4, 1)), grade=grade, clicked=clicked))
    assert Measure.parse("CTR").of(shown).tolist() == [1, 0, 0, 1]
    assert Measure.parse("CVR").of(shown).tolist() == [1, 1, 0, 0]


def test_a_full_index_has_no_ctr() -> None:
    """Nobody was shown it."""
    ranking = full_index(make_shelves([[1, 2]], grade=[[1, 0]]), np.array([[2, 1]], np.uint64))
    with pytest.raises(ValueError, match="nobody was shown"):
        Measure.parse("CTR").of(ranking)


def test_lists_of_another_number_or_width_are_refused() -> None:
    """One list for each shelf, one score for each place."""
    with pytest.raises(ValueError, match="one for each"):
        full_index(make_shelves([[1, 2]]), np.zeros((2, 3), np.uint64))
    with pytest.raises(ValueError, match="one for each place"):
        reranked(make_shelves([[1, 2]]), np.zeros((1, 3)))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=8))
def test_ties_keep_the_order_shown(items: list[tuple[int, int, bool]]) -> None:
    """Highest score first, then as it was shown; without a score behind those with one, padding last of all."""
    shelves = make_shelves([[*range(1, len(items) + 1), 0]], grade=[[*(grade for grade, _, _ in items), 0]])
    scores = np.array([[*(np.nan if lost else float(score) for _, score, lost in items), 9.0]])
    expected = sorted(range(len(items)), key=lambda place: (items[place][2], -items[place][1] * (not items[place][2])))
    assert reranked(shelves, scores).places[0].tolist() == [*expected, len(items)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.sampled_from(SPELLINGS))
def test_bounds(grades: list[int], spelling: str) -> None:
    """All but DCG lie between 0 and 1; in the best order nDCG is 1."""
    measure = Measure.parse(spelling)
    listing = [list(range(1, len(grades) + 1))]
    found = measure.of(as_shown(make_shelves(listing, grade=[grades])))[0]
    best = measure.of(as_shown(make_shelves(listing, grade=[sorted(grades, reverse=True)])))[0]
    assert np.isnan(found) == (measure.over == "relevant" and not any(grades))
    if measure.name != "DCG" and not np.isnan(found):
        assert 0 <= found <= 1
    if measure.name == "nDCG" and any(grades):
        assert best == 1
    assert np.isnan(found) or found <= best + 1e-12


def test_no_shelves_have_no_mean() -> None:
    """nan, not 0."""
    assert np.isnan(mean(Measure.parse("nDCG@5").of(as_shown(make_shelves(np.zeros((0, 0)))))))
