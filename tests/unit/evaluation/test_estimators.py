"""Corrected figures as computed by hand, what they rest on, and the words where there is not enough evidence."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Figure, MinimumEvidence, NotEnoughEvidence
from workers.evaluation.figures import Figures, compare, evaluate, figures, to_estimate
from workers.evaluation.position_bias import Curve, Stratum, corrected_sums, unknown_curve
from workers.evaluation.replicates import CLIPPED, IPS, SNIPS, replicate_figures
from workers.evaluation.shelf_statistics import PLACES
from workers.evaluation.shelves import DRAWN, Floats, Shelves, make_shelves

EXAMINED = 1 / np.arange(1, PLACES + 1)
SHUFFLE = DRAWN.index("shuffle")
ALMOST_NONE = replace(USUAL, minimum_evidence=MinimumEvidence(users=0, shelves=1, clicks=1, effective=0), replicates=40)
LOG = 1 / np.log2(np.arange(2, 12))


def row(*values: float) -> Floats:
    """One replicate's sums by place, the last being all places behind."""
    return np.array([[*values, *[0.0] * (PLACES + 1 - len(values))]])


def curve(*looked: float) -> Curve:
    """Looked at so much, and not known behind that."""
    return Curve(np.array([[*looked, *[np.nan] * (PLACES - len(looked))]]), np.zeros(PLACES - 1, np.int64))


def test_by_hand() -> None:
    """Gains 2, 1, 3 at places looked at 1, 1/2, 1/20; acted on 2, 1, 4 times; weights 1, 2, 20; clip 10."""
    found = corrected_sums([Stratum(row(2, 1, 3), row(2, 1, 4), curve(1, 0.5, 0.05))], clip=10)
    assert found.ips[0] == pytest.approx(2 + 2 + 60)
    assert found.clipped[0] == pytest.approx(2 + 2 + 30)
    assert found.weight[0] == pytest.approx(2 + 2 + 80)
    assert found.effective == pytest.approx(84**2 / (2 + 4 + 1_600))  # Kish
    assert found.outside == 0


def test_outside_the_support() -> None:
    """What was gained at places that are not known is left out, and its share is told."""
    behind = np.array([[2.0, 1.0, *[0.0] * 8, 1.0]])
    found = corrected_sums([Stratum(behind, behind, curve(1.0))], clip=10)
    assert (found.ips[0], found.outside) == (2, 0.5)


def test_strata_add_up() -> None:
    """Each with its own curve."""
    one, other = Stratum(row(2, 1), row(2, 1), curve(1, 0.5)), Stratum(row(1, 1), row(1, 1), curve(1, 0.25))
    found = corrected_sums([one, other], clip=3)
    assert (found.ips[0], found.clipped[0], found.weight[0]) == (4 + 5, 4 + 4, 9)
    assert found.effective == pytest.approx(81 / (2 + 4 + 1 + 16))


def test_equal_weights_are_as_many_as_there_are() -> None:
    """Kish's number where nothing is corrected."""
    assert corrected_sums([Stratum(row(5), row(7), unknown_curve(1))], 10).effective == 7


def test_nothing_acted_on() -> None:
    """All is 0, and nothing is divided by it."""
    found = corrected_sums([Stratum(row(), row(), unknown_curve(1))], 10)
    assert (found.ips[0], found.effective, found.outside) == (0, 0, 0)


def site(count: int, seed: int, *, randomised: float = 0.5, **more: Any) -> Shelves:
    """Items of a constant attraction in ten places looked at 1, 1/2, 1/3, …; a share of the shelves is shuffled."""
    draws = np.random.default_rng(seed)
    shuffled = draws.random(count) < randomised
    clicked = draws.random((count, PLACES)) < 0.3 * EXAMINED
    chance = np.where(shuffled[:, None], 1 / PLACES, np.nan).repeat(PLACES, axis=1)
    return make_shelves(
        np.tile(np.arange(1, 11), (count, 1)),
        grade=clicked,
        propensity=chance,
        drawn=np.where(shuffled, SHUFFLE, 0),
        **more,
    )


def test_figures_of_a_site_by_hand() -> None:
    """From columns to figures: the sums of clicks over the curve that the shuffled shelves give."""
    shelves = site(4_000, 1)
    found = evaluate(shelves, ALMOST_NONE)
    clicks = shelves.grade[shelves.drawn == SHUFFLE].sum(axis=0)
    looked = clicks / clicks[0]
    mine = shelves.grade[shelves.drawn == 0]
    ips = (mine.sum(axis=0) / looked * LOG)[:5].sum()
    clipped = (mine.sum(axis=0) * np.minimum(1 / looked, 10) * LOG)[:5].sum()
    weight = (mine.sum(axis=0) / looked).sum()
    for name, expected in ((IPS, ips / len(mine)), (CLIPPED, clipped / len(mine)), (SNIPS, ips / weight)):
        told = found[name]
        assert isinstance(told, Figure)
        assert told.value == pytest.approx(expected, rel=1e-7)  # in steps of 2^-30 a shelf
        assert told.effective == pytest.approx(weight**2 / (mine.sum(axis=0) / looked**2).sum())
        assert told.outside == 0


def test_corrected_is_near_the_truth_and_naive_is_not() -> None:
    """DCG@5 if every place were looked at, and the interval that holds it; the naive one is far below."""
    found, true = evaluate(site(40_000, 2)), 0.3 * LOG[:5].sum()
    ips, naive = found[IPS], found["DCG@5"]
    assert isinstance(ips, Figure)
    assert isinstance(naive, Figure)
    assert true in ips.interval
    assert naive.interval.high < 0.7 * true


def test_the_clip_is_a_bias_to_below() -> None:
    """Weights above it are cut: never more than IPS, the same where no weight is above."""
    shelves = site(20_000, 3)
    low, high = (evaluate(shelves, replace(USUAL, clip=clip)) for clip in (2.0, 100.0))

    def value(found: Figures, name: str) -> float:
        told = found[name]
        assert isinstance(told, Figure)
        return told.value

    assert value(low, CLIPPED) < value(low, IPS)
    assert value(high, CLIPPED) == value(high, IPS) == value(low, IPS)


def test_re_ranked_shelves_keep_the_place_where_items_stood() -> None:
    """An item is weighed by where it was seen, gains by where it is ranked now."""
    shelves, backwards = site(6_000, 4), np.tile(np.arange(PLACES, dtype=float), (6_000, 1))
    told = evaluate(shelves, ALMOST_NONE, backwards)[IPS]
    assert isinstance(told, Figure)
    clicks = shelves.grade[shelves.drawn == SHUFFLE].sum(axis=0)
    expected = (shelves.grade.sum(axis=0) / (clicks / clicks[0]))[:4:-1] @ LOG[:5] / len(shelves)
    assert told.value == pytest.approx(expected, rel=1e-7)


def missing(shelves: Shelves, name: str = IPS, /, **floor: float) -> str:
    """The words for what a figure lacks."""
    told = evaluate(shelves, replace(USUAL, minimum_evidence=MinimumEvidence(**floor)))[name]  # type: ignore[arg-type]  # counts may be floats
    assert isinstance(told, NotEnoughEvidence), told
    return str(told)


def test_without_randomised_shelves_nothing_is_corrected() -> None:
    """The words name the place where the evidence ends, and the surface; naive figures stand."""
    shelves = site(2_000, 5, randomised=0, surface=["app"] * 2_000)
    expected = "not enough evidence: 0 of 5 items acted on on randomised shelves (app), at place 1 or 2, 5 missing"
    for name in (IPS, SNIPS, CLIPPED):
        assert missing(shelves, name) == expected
    assert isinstance(evaluate(shelves)["DCG@5"], Figure)
    assert evaluate(shelves).looked == {}


def test_too_few_randomised_shelves() -> None:
    """What is missing is counted."""
    said = missing(site(2_000, 6, randomised=0.01))
    assert said.startswith("not enough evidence: ")
    assert "of 5 items acted on on randomised shelves (every surface), at place" in said


def test_a_day_is_corrected_by_the_curve_of_four_weeks() -> None:
    """A day without one randomised shelf has a figure once other days teach the curve, with their uncertainty in it."""
    day, weeks = site(3_000, 21, randomised=0), site(4_000, 22, randomised=0.1)
    alone = figures(stats(day))[IPS]
    taught, better = (
        figures(stats(day), learnt=stats(each))[IPS] for each in (weeks, site(40_000, 23, randomised=0.5))
    )
    assert isinstance(alone, NotEnoughEvidence)
    assert isinstance(taught, Figure)
    assert isinstance(better, Figure)
    assert taught.shelves == 3_000
    assert 0.3 * LOG[:5].sum() in taught.interval
    assert better.interval.high - better.interval.low < 0.7 * (taught.interval.high - taught.interval.low)


def test_the_interval_is_of_a_ratio() -> None:
    """On the log: as far up as down by factors, and never at 0, however little the randomised shelves say."""
    told = figures(stats(site(3_000, 24, randomised=0)), learnt=stats(site(4_000, 25, randomised=0.05)))[IPS]
    assert isinstance(told, Figure)
    assert told.interval.low > 0
    assert told.interval.high / told.value == pytest.approx(told.value / told.interval.low)
    assert told.interval.high > 1.1 * told.value


def test_few_randomised_users_make_it_wide() -> None:
    """The degrees of freedom are those of who saw randomised shelves: Student's t of 5, not 1.96."""
    day, learnt = stats(site(3_000, 26, randomised=0)), site(3_000, 27, randomised=1.0, user=np.arange(3_000) % 6 + 1)
    figure = replicate_figures(day, USUAL, stats(learnt))["all", ""][IPS]
    assert figure.randomised == pytest.approx(6, rel=0.25)
    told = to_estimate(figure, USUAL.minimum_evidence)
    assert isinstance(told, Figure)
    deviation = np.nanstd(np.log(figure.values[1:]), ddof=1)
    assert np.log(told.interval.high / told.value) > 2.4 * deviation


def test_of_several_surfaces_the_worst_is_named() -> None:
    """Most of what is lost is on the web, where nothing is randomised."""
    app, web = site(3_000, 7), site(3_000, 8, randomised=0)
    columns = {
        name: np.concatenate((getattr(app, name), getattr(web, name)))
        for name in ("listing", "grade", "propensity", "drawn")
    }
    both = make_shelves(columns.pop("listing"), surface=["app"] * 3_000 + ["web"] * 3_000, **columns)
    assert "(web), at place 1 or 2" in missing(both)


def test_gains_behind_the_last_place() -> None:
    """Where places are numbered beyond those that have a curve, no evidence helps."""
    shelves = site(4_000, 9, position=np.tile(np.arange(1, 11) + 3, (4_000, 1)))
    assert missing(shelves, clicks=0).endswith("missing")
    assert "% of the gain at the first 10 places" in missing(
        make_shelves(
            shelves.listing,
            grade=shelves.grade,
            propensity=shelves.propensity,
            drawn=shelves.drawn,
            position=np.tile([1, 11, 12, 13, 14, 2, 3, 4, 5, 6], (4_000, 1)),
        ),
        clicks=0,
    )


@pytest.mark.parametrize(
    ("name", "floor", "words"),
    [
        ("nDCG@5", {"shelves": 5_000}, "of 5,000 shelves, or items"),
        ("DCG@5", {"users": 9_000}, "of 9,000 equally active users"),
        (IPS, {"effective": 9_999}, "of 9,999 effective items acted on"),
    ],
)
def test_each_floor(name: str, floor: dict[str, float], words: str) -> None:
    """Below it the words, and how much is there and missing."""
    assert words in missing(site(4_000, 10), name, **floor)


def test_no_relevant_item_anywhere() -> None:
    """Figures of shelves with one have no evidence; DCG@5 of all is 0."""
    found = evaluate(make_shelves(np.ones((500, 3))))
    assert str(found["nDCG@5"]).startswith("not enough evidence: 0 of 100")
    told = found["DCG@5"]
    assert isinstance(told, Figure)
    assert told.value == 0


def test_what_two_have_in_common_cancels() -> None:
    """The same users in both: the interval of the difference is narrower than of two groups of strangers."""
    leaning = np.repeat(np.random.default_rng(11).uniform(0, 1, 300), 10)
    draws, user = np.random.default_rng(12), np.repeat(np.arange(1, 301), 10)
    one, other = (
        stats(make_shelves(np.ones((3_000, 1)), grade=(draws.random(3_000) < leaning * factor)[:, None], user=who))
        for factor, who in ((0.8, user), (1.0, user))
    )
    apart = stats(make_shelves(np.ones((3_000, 1)), grade=(draws.random(3_000) < leaning)[:, None], user=user + 1_000))
    together, strangers = compare(one, other)["DCG@5"], compare(one, apart)["DCG@5"]
    assert isinstance(together, Figure)
    assert isinstance(strangers, Figure)
    assert 0.1 in together.interval
    assert together.interval.high - together.interval.low < 0.7 * (strangers.interval.high - strangers.interval.low)
    relative = compare(one, other, relative=True)["DCG@5"]
    assert isinstance(relative, Figure)
    assert 0.25 in relative.interval


def test_a_change_relative_to_nothing_is_not_told() -> None:
    """Where the one is 0 no percentage stands for what the other is."""
    one, other = stats(make_shelves(np.ones((500, 1)))), stats(make_shelves(np.ones((500, 1)), grade=np.ones((500, 1))))
    assert isinstance(compare(one, other, relative=True)["DCG@5"], NotEnoughEvidence)
    told = compare(one, other)["DCG@5"]
    assert isinstance(told, Figure)
    assert told.value == 1
