"""Measures equal those of trec_eval, ranx and scikit-learn to 1e-9, on random shelves, where they define the same.

Where they do not is told in test_where_they_differ.py.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import pytrec_eval
import ranx  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from sklearn.metrics import dcg_score, ndcg_score  # type: ignore[import-untyped]

from workers.evaluation.measures import Measure, mean
from workers.evaluation.rankings import as_shown, reranked
from workers.evaluation.shelves import Floats, Shelves, any_in_row, make_shelves

WIDTH = 12
CUTOFFS = (1, 3, 5, 10, 20)
"""20: more than any shelf has."""
NEAR = 1e-9


def random_shelves(seed: int, count: int = 300) -> Shelves:
    """Of 1 to WIDTH items, graded 0 to 3, most 0; some without a relevant item, the first ten certainly."""
    draws = np.random.default_rng(seed)
    length = draws.integers(1, WIDTH + 1, count)
    shown = np.arange(WIDTH) < length[:, None]
    grade = draws.choice(4, (count, WIDTH), p=(0.7, 0.15, 0.1, 0.05)) * shown
    grade[:10] = 0
    return make_shelves(np.where(shown, np.arange(1, WIDTH + 1), 0), grade=grade)


def references(shelves: Shelves) -> tuple[list[dict[str, int]], list[dict[str, float]]]:
    """For each shelf its grades, and scores that fall from place to place: ties are broken by the order shown."""
    grades, scores = [], []
    for row in range(len(shelves)):
        places = np.flatnonzero(shelves.shown[row])
        # Ids in no order, so that nothing is right by chance.
        ids = [f"d{place * 7 % 13}" for place in places]
        grades.append(dict(zip(ids, shelves.grade[row, places].tolist(), strict=True)))
        scores.append({each: float(-place) for each, place in zip(ids, places, strict=True)})
    return grades, scores


def trec_eval(shelves: Shelves, names: Sequence[str], gain: NDArray[np.int64] | None = None) -> list[dict[str, float]]:
    """What trec_eval says of each shelf; `gain` is what each grade counts for in its qrels."""
    grades, scores = references(shelves)
    if gain is not None:
        grades = [{each: int(gain[grade]) for each, grade in mine.items()} for mine in grades]
    judge = pytrec_eval.RelevanceEvaluator({str(row): mine for row, mine in enumerate(grades)}, set(names))
    found = judge.evaluate({str(row): mine for row, mine in enumerate(scores)})
    return [found[str(row)] for row in range(len(shelves))]


def ranx_says(shelves: Shelves, name: str) -> Floats:
    """What ranx says of each shelf."""
    # By names that sort as the rows do, for ranx answers in that order.
    grades, scores = ({f"{row:06}": mine for row, mine in enumerate(each)} for each in references(shelves))
    return np.asarray(ranx.evaluate(ranx.Qrels(grades), ranx.Run(scores), name, return_mean=False), np.float64)


def ours(shelves: Shelves, spelling: str) -> Floats:
    """Ours; 0 where a shelf has no value, as the others have it."""
    return np.nan_to_num(Measure.parse(spelling).of(as_shown(shelves)))


TREC = {"nDCG": "ndcg_cut", "P": "P", "Recall": "recall"}
RANX = {
    "nDCG": "ndcg",
    "nDCG(exp)": "ndcg_burges",
    "DCG": "dcg",
    "DCG(exp)": "dcg_burges",
    "P": "precision",
    "Recall": "recall",
    "MRR": "mrr",
}


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("name", TREC)
def test_trec_eval(name: str, cutoff: int) -> None:
    """nDCG with linear gain, P, Recall at every cutoff, also behind the end of a shelf."""
    shelves = random_shelves(cutoff)
    theirs = [each[f"{TREC[name]}_{cutoff}"] for each in trec_eval(shelves, [f"{TREC[name]}.{cutoff}"])]
    np.testing.assert_allclose(ours(shelves, f"{name}@{cutoff}"), theirs, rtol=0, atol=NEAR)


def test_trec_eval_has_the_exponential_gain_too_where_qrels_hold_it() -> None:
    """It takes a grade for its gain: with 2^grade - 1 written there, nDCG(exp) is the same."""
    shelves = random_shelves(7)
    theirs = [each["ndcg_cut_5"] for each in trec_eval(shelves, ["ndcg_cut.5"], 2 ** np.arange(4) - 1)]
    np.testing.assert_allclose(ours(shelves, "nDCG(exp)@5"), theirs, rtol=0, atol=NEAR)


def test_trec_evals_reciprocal_rank() -> None:
    """It has no cutoff: the same as ours with one behind the end of every shelf."""
    shelves = random_shelves(8)
    theirs = [each["recip_rank"] for each in trec_eval(shelves, ["recip_rank"])]
    np.testing.assert_allclose(ours(shelves, f"MRR@{WIDTH}"), theirs, rtol=0, atol=NEAR)


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("name", RANX)
def test_ranx(name: str, cutoff: int) -> None:
    """All that is cut, with either gain, at every cutoff."""
    shelves = random_shelves(100 + cutoff)
    theirs = ranx_says(shelves, f"{RANX[name]}@{cutoff}")
    np.testing.assert_allclose(ours(shelves, f"{name}@{cutoff}"), theirs, rtol=0, atol=NEAR)


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("gain", ["", "(exp)"])
def test_scikit_learn(gain: str, cutoff: int) -> None:
    """DCG and nDCG; it takes a relevance for its gain, so the exponential one is put in."""
    shelves = random_shelves(200 + cutoff)
    worth = (2.0**shelves.grade - 1) if gain else shelves.grade.astype(float)
    order = np.tile(-np.arange(WIDTH, dtype=float), (len(shelves), 1))
    for row in range(len(shelves)):
        theirs = dcg_score(worth[[row]], order[[row]], k=cutoff), ndcg_score(worth[[row]], order[[row]], k=cutoff)
        mine = [ours(shelves.pick(slice(row, row + 1)), f"{name}{gain}@{cutoff}")[0] for name in ("DCG", "nDCG")]
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=NEAR)


@pytest.mark.parametrize("spelling", ["nDCG@5", "P@3", "MRR@10", "Recall@10"])
def test_means_are_of_shelves_with_a_relevant_item(spelling: str) -> None:
    """The same as the mean of ranx over those shelves alone."""
    shelves = random_shelves(300)
    relevant = shelves.pick(any_in_row(shelves.grade > 0))
    name, cutoff = spelling.split("@")
    theirs = ranx_says(relevant, f"{RANX[name]}@{cutoff}").mean()
    assert abs(mean(Measure.parse(spelling).of(as_shown(shelves))) - theirs) < NEAR


def test_reranked_shelves_too() -> None:
    """In the order of other scores, ties by the order shown, trec_eval says the same of shelves put in that order."""
    shelves = random_shelves(400)
    scores = np.random.default_rng(401).integers(0, 4, shelves.listing.shape).astype(float)
    ranking = reranked(shelves, scores)
    order = np.take_along_axis(shelves.listing, ranking.places, axis=1)
    theirs = [each["ndcg_cut_5"] for each in trec_eval(make_shelves(order, grade=ranking.grades), ["ndcg_cut.5"])]
    np.testing.assert_allclose(np.nan_to_num(Measure.parse("nDCG@5").of(ranking)), theirs, rtol=0, atol=NEAR)
