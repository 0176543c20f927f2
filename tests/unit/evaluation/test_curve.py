"""Two probabilities: from where items were put by chance, how much places are looked at is learnt, and nothing else."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.estimates import Figure, NotEnoughEvidence
from workers.evaluation.exact_sums import merge_days
from workers.evaluation.figures import Figures, evaluate, figures
from workers.evaluation.position_bias import examination
from workers.evaluation.reader import Days
from workers.evaluation.shelf_statistics import PLACES, curve_names, curve_values
from workers.evaluation.shelves import DRAWN, Categorical, Floats, Shelves, make_shelves
from workers.simulate.disturbances import Calendar
from workers.simulate.examination_model import LAYOUTS
from workers.simulate.order import shuffled, swapped
from workers.simulate.parquet import write_parquet

EXAMINED = np.array([1.0, 0.8, 0.7, 0.55, 0.5, 0.4, 0.36, 0.3, 0.25, 0.2])
ATTRACTS = np.array([0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.2, 0.15, 0.1, 0.1])
"""Of the item that the model puts at each place: without randomising, a place and what stands there look alike."""


def drawn_shelves(kind: str, count: int, seed: int, examined: Floats = EXAMINED) -> Shelves:
    """Shelves in an order drawn at random; an item is clicked where its place is looked at and it attracts."""
    draws = np.random.default_rng(seed)
    if kind == "swap":
        origin, chance = swapped(draws.random(count) < 0.5, draws.random((count, 5)) < 0.5)
    else:
        origin, chance = shuffled(draws.random((count, PLACES)))
    clicked = draws.random((count, PLACES)) < examined * ATTRACTS[origin]
    return make_shelves(origin + 1, grade=clicked, propensity=chance, drawn=np.full(count, DRAWN.index(kind)))


@pytest.mark.parametrize(("kind", "count"), [("swap", 60_000), ("shuffle", 30_000)])
def test_the_curve_is_found(kind: str, count: int) -> None:
    """From swaps and from shuffles: at each of ten places the interval holds what is true, or misses it by a little."""
    [looked] = evaluate(drawn_shelves(kind, count, 5)).looked.values()
    for place, (told, true) in enumerate(zip(looked, EXAMINED, strict=True)):
        assert isinstance(told, Figure)
        wide = told.interval.high - told.interval.low
        assert abs(told.value - true) <= wide * 0.75, (place, told, true)  # 3 standard errors
        assert wide < 0.35 * true


@pytest.mark.parametrize("kind", ["swap", "shuffle"])
def test_the_intervals_of_the_curve_cover(kind: str) -> None:
    """Over 20 sites and nine places, 180 intervals that are not independent: 90 % at least."""
    held = 0
    for seed in range(20):
        [looked] = evaluate(drawn_shelves(kind, 4_000, 100 + seed)).looked.values()
        held += sum(
            isinstance(each, Figure) and true in each.interval
            for each, true in zip(looked[1:], EXAMINED[1:], strict=True)
        )
    assert held >= 0.9 * 180


def test_what_was_not_drawn_teaches_nothing() -> None:
    """Shelves in the model's own order, and interleaved ones, have propensities or none: no curve comes of them."""
    swapped_ones = drawn_shelves("swap", 2_000, 6)
    for code in (DRAWN.index("no"), DRAWN.index("interleave")):
        columns: dict[str, Any] = {"grade": swapped_ones.grade, "propensity": swapped_ones.propensity}
        assert evaluate(make_shelves(swapped_ones.listing, drawn=np.full(2_000, code), **columns)).looked == {}


def test_each_surface_and_layout_has_its_own() -> None:
    """Where places are looked at differently."""
    one, other = (
        drawn_shelves("shuffle", 20_000, 7),
        drawn_shelves("shuffle", 20_000, 8, EXAMINED[0] * 0.9 ** np.arange(10)),
    )
    both = make_shelves(
        np.concatenate((one.listing, other.listing)),
        grade=np.concatenate((one.grade, other.grade)),
        propensity=np.concatenate((one.propensity, other.propensity)),
        drawn=np.concatenate((one.drawn, other.drawn)),
        surface=Categorical(np.full(40_000, 1, np.int32), ("", "app")),
        layout=Categorical(np.repeat(np.array([1, 2], np.int32), 20_000), ("", "grid", "row")),
    )
    found = evaluate(both).looked
    assert set(found) == {("app", "grid"), ("app", "row")}
    for layout, true in (("grid", EXAMINED), ("row", 0.9 ** np.arange(10))):
        fifth = found["app", layout][4]
        assert isinstance(fifth, Figure)
        assert true[4] == pytest.approx(fifth.value, abs=0.75 * (fifth.interval.high - fifth.interval.low))


def test_hand_computed() -> None:
    """Two items shuffled: clicks over the probability of standing there, at the first place and at the second."""
    grade = [[1, 0], [1, 0], [0, 1], [0, 0]]
    shelves = make_shelves(
        [[1, 2], [2, 1], [1, 2], [2, 1]],
        grade=grade,
        propensity=np.full((4, 2), 0.5),
        drawn=np.full(4, DRAWN.index("shuffle")),
    )
    sums = dict(zip(curve_names(), curve_values(shelves).sum(axis=0), strict=True))
    assert (sums["left1"], sums["right1"], sums["left_n1"], sums["right_n1"]) == (4, 2, 2, 1)
    assert sums["shelves"] == 4
    assert sum(sums.values()) == 9 + 4  # nothing of the places behind
    found = examination(np.array([list(sums.values())]), least=1)
    assert found.looked[0, :2].tolist() == [1, 0.5]
    assert np.isnan(found.looked[0, 2:]).all()
    assert found.clicks.tolist() == [1, *[0] * 8]


def test_a_swapped_pair_is_compared_with_itself_alone() -> None:
    """An item that came from the place before could not stand at the one behind: it is no evidence for that pair."""
    # Of four items the pair (2, 3) was turned: it may have stood as 1 2 3 4 in pairs (2, 3), or (1, 2)(3, 4).
    shelves = make_shelves(
        [[1, 3, 2, 4]], grade=[[1, 1, 1, 1]], propensity=[[0.75, 0.25, 0.25, 0.75]], drawn=[DRAWN.index("swap")]
    )
    sums = dict(zip(curve_names(), curve_values(shelves)[0], strict=True))
    assert (sums["left_n1"], sums["right_n1"]) == (1, 0)  # 3 stands second, but could not stand first
    assert (sums["left2"], sums["right2"]) == (4, 4)
    assert (sums["left_n3"], sums["right_n3"]) == (0, 1)  # 2 stands third, but could not stand fourth


def test_below_the_floor_a_place_is_not_known() -> None:
    """Nor any place behind it: the words say how much is missing."""
    [looked] = evaluate(drawn_shelves("shuffle", 60, 9)).looked.values()
    assert isinstance(looked[1], Figure)
    unknown = next(place for place, each in enumerate(looked) if isinstance(each, NotEnoughEvidence))
    assert all(isinstance(each, NotEnoughEvidence) for each in looked[unknown:])
    first = looked[unknown]
    assert isinstance(first, NotEnoughEvidence)
    assert (first.of, first.need) == ("items acted on on randomised shelves, up to this place", 5)
    assert first.have < 5


@pytest.fixture(scope="module")
def of_market(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """Three days of a market where nothing happens, trust neither, most of it randomised."""
    place, days, first = tmp_path_factory.mktemp("market"), 3, date(2026, 9, 1)
    write_parquet(
        place, Calendar({}), days=days, shelves_per_day=4_000, randomised=0.8, interleaved=0.0, listings=2_000
    )
    each = folder_stats(Days.of(place, first, first + timedelta(days=days)))
    return figures(merge_days(stats for _, stats in each))


def test_the_simulators_curve(of_market: Figures) -> None:
    """The whole way, from records: row and wide layouts are found as they are set."""
    assert set(of_market.looked) == {("app", "row"), ("web", "wide")}
    for (_, layout), looked in of_market.looked.items():
        [examined] = [each.examined for each in LAYOUTS if each.name == layout]
        for told, true in zip(looked[:6], examined[:6] / examined[0], strict=True):
            assert isinstance(told, Figure)
            assert true == pytest.approx(told.value, abs=0.85 * (told.interval.high - told.interval.low))
