"""Where trec_eval, ranx and scikit-learn say something else than we do: the table of docs/evaluation-references.md."""

import numpy as np
import pytest
import pytrec_eval
import ranx  # type: ignore[import-untyped]  # it ships no types
from sklearn.metrics import dcg_score, ndcg_score  # type: ignore[import-untyped]

from workers.evaluation.measures import Measure, mean
from workers.evaluation.rankings import as_shown, full_index, judged_at, reranked
from workers.evaluation.shelves import Floats, Shelves, make_shelves


def trec_eval(grades: dict[str, int], scores: dict[str, float], name: str) -> float:
    """What trec_eval says of one shelf."""
    said = pytrec_eval.RelevanceEvaluator({"q": grades}, {name}).evaluate({"q": scores})["q"]
    return float(said[name.replace(".", "_")])


def ranx_says(grades: dict[str, int], scores: dict[str, float], name: str) -> float:
    """What ranx says of one shelf."""
    return float(ranx.evaluate(ranx.Qrels({"q": grades}), ranx.Run({"q": scores}), name))


def ours(spelling: str, shelves: Shelves, scores: Floats | None = None) -> float:
    """What we say of one shelf."""
    ranking = as_shown(shelves) if scores is None else reranked(shelves, scores)
    return float(Measure.parse(spelling).of(ranking)[0])


def test_ties() -> None:
    """Two items with equal scores, the second one clicked: 1/2 by the order shown, and in no other's view for sure.

    trec_eval lets the higher id go first, whatever was shown; scikit-learn takes the mean over all orders.
    """
    shelves, equal = make_shelves([[1, 2]], grade=[[0, 1]]), np.array([[0.5, 0.5]])
    assert ours("MRR@10", shelves, equal) == 0.5
    tied = {"a": 0.5, "b": 0.5}
    assert trec_eval({"a": 0, "b": 1}, tied, "recip_rank") == 1.0
    assert trec_eval({"a": 1, "b": 0}, tied, "recip_rank") == 0.5
    discounts = 1, 1 / np.log2(3)
    assert ours("DCG@2", shelves, equal) == pytest.approx(discounts[1])
    assert dcg_score([[0, 1]], equal, k=2) == pytest.approx(np.mean(discounts))
    assert dcg_score([[0, 1]], equal, k=2, ignore_ties=True) == pytest.approx(discounts[0])


def test_ties_in_ranx_are_left_to_its_sorting() -> None:
    """Of equals it keeps an order that changes with how many there are; ours is the order shown, always."""
    shown = [f"d{place:02}" for place in range(40)]
    firsts = set()
    for count in (2, 10, 20, 40):
        scores = dict.fromkeys(shown[:count], 0.5)
        firsts |= {place for place in range(count) if ranx_says({shown[place]: 1}, scores, "mrr") == 1.0}
        shelves = make_shelves([list(range(1, count + 1))], grade=[[1] + [0] * (count - 1)])
        assert ours("MRR@10", shelves, np.full((1, count), 0.5)) == 1.0
    assert firsts != {0}


def test_no_relevant_item() -> None:
    """Theirs is 0 and drags the mean down; ours has no value, and is left out. DCG is 0 for everybody."""
    grades, scores = {"a": 0, "b": 0}, {"a": 2.0, "b": 1.0}
    for name in ("ndcg_cut.5", "P.1", "recip_rank", "recall.5"):
        assert trec_eval(grades, scores, name) == 0
    for name in ("ndcg@5", "precision@1", "mrr", "recall@5", "dcg@5"):
        assert ranx_says(grades, scores, name) == 0
    assert ndcg_score([[0, 0]], [[2, 1]]) == 0
    shelves = make_shelves([[1, 2]], grade=[[0, 0]])
    for spelling in ("nDCG@5", "P@1", "MRR@10", "Recall@5"):
        assert np.isnan(ours(spelling, shelves))
    assert ours("DCG@5", shelves) == 0
    both = as_shown(make_shelves([[1, 2], [1, 2]], grade=[[0, 0], [1, 0]]))
    assert mean(Measure.parse("nDCG@5").of(both)) == 1.0


def test_empty_shelves() -> None:
    """A shelf without items: trec_eval leaves it out, ranx refuses it, scikit-learn can't write it; our DCG is 0."""
    judge = pytrec_eval.RelevanceEvaluator({"q": {"a": 1}, "p": {"a": 1}}, {"ndcg"})
    assert set(judge.evaluate({"q": {"a": 1.0}})) == {"q"}
    with pytest.raises(AssertionError):
        ranx.evaluate(ranx.Qrels({"q": {"a": 1}, "p": {"a": 1}}), ranx.Run({"q": {"a": 1.0}}), "ndcg")
    with pytest.raises(ValueError, match="0 feature"):
        ndcg_score(np.zeros((1, 0)), np.zeros((1, 0)))
    shelves = make_shelves([[0, 0]])
    assert ours("DCG@5", shelves) == 0
    assert np.isnan(ours("nDCG@5", shelves))


def test_shelves_of_one_item() -> None:
    """scikit-learn refuses an nDCG of one item; the others and we say 1 where it is relevant."""
    with pytest.raises(ValueError, match="more than 1 document"):
        ndcg_score([[1]], [[1.0]])
    assert trec_eval({"a": 1}, {"a": 1.0}, "ndcg_cut.5") == ranx_says({"a": 1}, {"a": 1.0}, "ndcg@5") == 1
    assert ours("nDCG@5", make_shelves([[1]], grade=[[1]])) == 1


def test_precision_of_short_lists() -> None:
    """P@3 of two items is over 3 for trec_eval, ranx and us; ranx without a cutoff is over the list's length."""
    grades, scores = {"a": 1, "b": 0}, {"a": 2.0, "b": 1.0}
    third = pytest.approx(1 / 3, abs=1e-12)
    assert trec_eval(grades, scores, "P.3") == third
    assert ranx_says(grades, scores, "precision@3") == third
    assert ours("P@3", make_shelves([[1, 2]], grade=[[1, 0]])) == third
    assert ranx_says(grades, scores, "precision") == 1 / 2


def test_exponential_gain() -> None:
    """trec_eval and scikit-learn know the linear gain alone; ranx has the other under another name (ndcg_burges)."""
    grades, scores = {"a": 1, "b": 3}, {"a": 2.0, "b": 1.0}
    shelves = make_shelves([[1, 2]], grade=[[1, 3]])
    linear, exponential = ours("nDCG@5", shelves), ours("nDCG(exp)@5", shelves)
    assert abs(linear - exponential) > 0.05
    assert trec_eval(grades, scores, "ndcg_cut.5") == pytest.approx(linear, abs=1e-9)
    assert ndcg_score([[1, 3]], [[2, 1]], k=5) == pytest.approx(linear, abs=1e-9)
    assert ranx_says(grades, scores, "ndcg@5") == pytest.approx(linear, abs=1e-9)
    assert ranx_says(grades, scores, "ndcg_burges@5") == pytest.approx(exponential, abs=1e-9)


def test_reciprocal_rank_has_a_cutoff() -> None:
    """A first click at place 11 is worth 0 at 10 to ranx and us; trec_eval knows no cutoff, and says 1/11."""
    names = [f"d{place:02}" for place in range(11)]
    grades, scores = {names[10]: 1}, {name: float(-place) for place, name in enumerate(names)}
    assert ours("MRR@10", make_shelves([list(range(1, 12))], grade=[[0] * 10 + [1]])) == 0
    assert ranx_says(grades, scores, "mrr@10") == 0
    assert trec_eval(grades, scores, "recip_rank") == pytest.approx(1 / 11, abs=1e-9)


def test_the_best_order_of_a_full_index_knows_what_was_judged_alone() -> None:
    """As with trec_eval's qrels: what is listed but was never shown counts as not wanted, and `judged` says so."""
    shelves = make_shelves([[1, 2]], grade=[[0, 1]])
    ranking = full_index(shelves, np.array([[9, 2, 8, 1]], np.uint64))
    scores = {"9": 4.0, "2": 3.0, "8": 2.0, "1": 1.0}
    mine = float(Measure.parse("nDCG@5").of(ranking)[0])
    assert mine == pytest.approx(trec_eval({"1": 0, "2": 1}, scores, "ndcg_cut.5"), abs=1e-9)
    assert mine == pytest.approx(ranx_says({"1": 0, "2": 1}, scores, "ndcg@5"), abs=1e-9)
    assert judged_at(ranking, 2).tolist() == [0.5]
