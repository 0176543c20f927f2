"""Orders are drawn as their propensities say."""

import numpy as np

from workers.simulate.draws import Floats, Ints, chance
from workers.simulate.examination_model import WIDTH
from workers.simulate.order import interleaved, shuffled, swapped
from workers.simulate.ranking import ROWS, best

MANY, FEWER = 60_000, 6_000
NOISE = 5 * np.sqrt(0.25 / MANY)


def _frequencies(shelves: Ints) -> Floats:
    """How often each item (rows) stood at each place (columns)."""
    return np.stack([(shelves == item).mean(axis=0) for item in range(int(shelves.max()) + 1)])


def test_swaps_happen_as_often_as_logged() -> None:
    """Each item stands at each place as often as its logged propensity says, whichever way the coins fell."""
    draw = chance(1, "test")
    origin, likely = swapped(draw.random(MANY) < 0.5, draw.random((MANY, WIDTH)) < 0.5)
    assert (np.sort(origin, axis=1) == np.arange(WIDTH)).all()
    often = _frequencies(origin)
    assert np.abs(often[origin, np.arange(WIDTH)] - likely).max() < NOISE


def test_shuffles_happen_as_often_as_logged() -> None:
    """Every item is everywhere equally often."""
    origin, likely = shuffled(chance(1, "test").random((MANY, WIDTH)))
    assert np.abs(_frequencies(origin) - likely[0, 0]).max() < NOISE


def test_drafts_happen_as_often_as_logged() -> None:
    """Of two rankings that share items: frequencies as logged, each item once, fair to both teams at each place."""
    live, anchor = np.arange(WIDTH), np.array([3, 0, 10, 1, 11, 12, 2, 13, 14, 5])
    coins = chance(1, "test").random((FEWER, WIDTH // 2)) < 0.5
    shelf, anchors, likely = interleaved(np.tile(live, (FEWER, 1)), np.tile(anchor, (FEWER, 1)), coins)
    assert (np.diff(np.sort(shelf, axis=1), axis=1) > 0).all()
    assert np.abs(_frequencies(shelf)[shelf, np.arange(WIDTH)] - likely).max() < 5 * np.sqrt(0.25 / FEWER)
    assert (anchors.sum(axis=1) == WIDTH // 2).all()
    assert np.abs(anchors.mean(axis=0) - 0.5).max() < 5 * np.sqrt(0.25 / FEWER)
    assert np.isin(shelf[anchors], anchor).all()
    assert np.isin(shelf[~anchors], live).all()


def test_a_draft_of_twins_is_the_ranking_itself() -> None:
    """Two models that agree show what both of them say."""
    same = np.arange(WIDTH)[None]
    shelf, _, likely = interleaved(same, same, np.array([[True, False, True, True, False]]))
    assert (shelf == same).all()
    assert (likely == 1).all()


def test_the_best_are_the_best_however_many_are_asked_for_at_once() -> None:
    """As by a full sort, ties in the items' order, the query itself left out; each query as if it were alone."""
    draw = chance(1, "test")
    items = draw.integers(-3, 4, (700, 4)).astype(np.float32)
    own = draw.integers(0, len(items), ROWS + 5)
    found, scores = best(items[own], items, own, WIDTH)
    for row in (0, 1, ROWS - 1, ROWS, ROWS + 4):
        products = items @ items[own[row]]
        products[own[row]] = -np.inf
        expected = np.argsort(-products, kind="stable")[:WIDTH]
        assert (found[row] == expected).all()
        assert (scores[row] == products[expected]).all()
        alone, _ = best(items[own[row : row + 1]], items, own[row : row + 1], WIDTH)
        assert (alone[0] == expected).all()
