"""A cause explains only its share of a drop: the rest is tested, and the reference is never moved by what was found."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from workers.decision.alarms import Reading, observed_reading
from workers.decision.decision import ExplainedAlarm, Moment, State, adopt_live_model, decide
from workers.decision.evidence_store import Day
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.root_causes import examine_causes
from workers.decision.shelf_signals import releases
from workers.decision.signals import Change, Index, Recall, Recording, Release, Season, Signals, Traffic
from workers.evaluation.shelves import Shelves, make_shelves

FIRST = date(2026, 3, 1)
TURN = FIRST + timedelta(40)
SAME = Change(before=1.0, after=1.0)
POLICY = RetrainPolicy.model_validate({})
SIGNALS = Signals(
    live="m",
    recording=Recording(shelves_a_day=SAME, joined=SAME, actions_a_shelf=Change(before=0.2, after=0.08)),
    index=Index(lag_seconds=1.0, sold_shown=SAME),
    recall=Recall(recall=SAME, mixed=0.0),
    releases=(),
    traffic=Traffic(suspicious=SAME, drop_without=0.5, drop_with=0.5),
    season=Season(expected=0.0, error=0.001),
)


def days(factors: Sequence[float]) -> list[Day]:
    """Days of 600 units, each at its factor of the usual level, shaken by one per cent."""
    found = []
    for number, factor in enumerate(factors):
        draws = np.random.default_rng([number, 8])
        level = np.array([0.6, 0.3]) * factor * draws.normal(1.0, 0.01)
        values = level + draws.normal(0.0, 0.1, (600, 2))
        codes = np.zeros(600, np.int32)
        found.append(Day("observed", "m", "", FIRST + timedelta(number), (NDCG, DCG), ("bags",), codes, values))
    return found


def version(fall: float, error: float, day: date = TURN) -> Release:
    """A version that went to nine in ten shelves, this much worse than what was there before it."""
    beside = Change(before=0.3, after=0.3 * (1 - fall), error=0.3 * error)
    share = Change(before=0.0, after=0.9)
    return Release(kind="app", name="5.9", day=day, share=share, beside=beside, exposed=1.0)


def alarm_after(drop: float, length: int = 75) -> Reading:
    """The reading of a site that fell on the day of the release."""
    reading = observed_reading(days([1.0] * 40 + [1 - drop] * (length - 40)), POLICY)
    assert reading.alarm is not None
    return reading


@pytest.mark.parametrize("drop", [0.09, 0.25, 0.35, 0.5])
def test_a_release_that_changed_nothing_hides_no_drop(drop: float) -> None:
    """It came on the very day, and side by side there is no difference: the model is to blame."""
    signals = SIGNALS.model_copy(update={"releases": (version(0.0, 0.01),)})
    found = {each.cause: each for each in examine_causes(alarm_after(drop), signals, frozenset())}
    assert found["model"].verdict == "found"
    assert found["release"].verdict == "ruled out"
    assert found["recording"].verdict == "ruled out"  # fewer actions alone are no sign of records that are lost


def test_a_release_that_did_it_is_named() -> None:
    """And the model is not."""
    signals = SIGNALS.model_copy(update={"releases": (version(0.085, 0.01),)})
    found = {each.cause: each.verdict for each in examine_causes(alarm_after(0.09), signals, frozenset())}
    assert (found["release"], found["model"]) == ("found", "ruled out")


def test_the_rest_is_the_models() -> None:
    """A release took nine per cent and the model lost twelve more: both are said, and the request is of the rest."""
    signals = SIGNALS.model_copy(update={"releases": (version(0.09, 0.01),), "promoted": FIRST})
    reading = alarm_after(0.21)
    moment = Moment(now=datetime(2026, 7, 1, tzinfo=UTC))
    step = decide(State(model="m"), [reading], signals, moment, POLICY)
    assert step.request is not None, step.outcome
    assert step.request.drop == pytest.approx(0.12, abs=0.02)
    assert "beside 9.0% that other causes explain" in step.outcome.message


@pytest.mark.parametrize("fall", [0.01, 0.04])
def test_what_is_not_certain_is_not_requested(fall: float) -> None:
    """Side by side there were too few: the release may be all of it, or nothing; so it is not named either."""
    signals = SIGNALS.model_copy(update={"releases": (version(fall, 0.05),)})
    found = {each.cause: each for each in examine_causes(alarm_after(0.06), signals, frozenset())}
    assert found["model"].verdict == "not known"
    assert found["release"].verdict == "ruled out"
    assert "release may explain" in found["model"].message


@pytest.mark.parametrize(("day", "verdict"), [(TURN, "ruled out"), (TURN - timedelta(3), "found")])
def test_a_release_for_all_at_once(day: date, verdict: str) -> None:
    """Nobody had the old one beside it: the step of the days around it tells whether it is more than a coincidence."""
    bare = version(0.0, 0.0, day).model_copy(update={"beside": None})
    signals = SIGNALS.model_copy(update={"releases": (bare,)})
    found = {each.cause: each.verdict for each in examine_causes(alarm_after(0.12), signals, frozenset())}
    assert found["model"] == verdict


def test_slow_decay_under_monthly_releases_is_found() -> None:
    """Each release takes a little and is found; the reference stays, so the decay between them adds up and is asked."""
    length = 200
    factors = [1.0 - 0.0012 * max(0, number - 40) for number in range(length)]
    for begun in (60, 90, 120, 150):
        factors = [factor - 0.04 * (number >= begun) for number, factor in enumerate(factors)]
    evidence, state = days(factors), State(model="m")
    named = list[str]()
    for number in range(40, length):
        used, allowed = state.restart.get("observed"), state.allowed.get("observed", 0.0)
        reading = observed_reading(evidence[: number + 1], POLICY, used, allowed)
        came = [FIRST + timedelta(begun) for begun in (60, 90, 120, 150) if begun <= number]
        signals = SIGNALS.model_copy(update={"releases": tuple(version(0.04, 0.004, day) for day in came)})
        moment = Moment(now=datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(number + 4))
        step = decide(state, [reading], signals, moment, POLICY)
        state = step.state
        named += [each.cause for each in step.outcome.findings if each.verdict == "found"][-1:]
        if step.request is not None:
            break
    assert named[-1] == "model", named
    assert number < 150


def test_a_rollback_finds_its_evidence_used_up() -> None:
    """A, then B, then A again: what was asked for or explained of A stays so."""
    explained = {"observed": ExplainedAlarm(cause="index", drop=0.1, since=FIRST)}
    first = State(model="a", restart={"concurrent": TURN}, explained=explained, allowed={"observed": 0.08})
    second = adopt_live_model(first, "b", datetime(2026, 5, 1, tzinfo=UTC))
    assert (second.restart, second.explained, second.allowed) == ({}, {}, {})
    again = adopt_live_model(second, "a", datetime(2026, 5, 9, tzinfo=UTC))
    assert (again.restart, again.explained, again.allowed) == (first.restart, first.explained, first.allowed)
    assert again.live_since == datetime(2026, 5, 9, tzinfo=UTC)
    third = adopt_live_model(again, "b", datetime(2026, 5, 20, tzinfo=UTC))
    assert third.restart == {}
    assert set(third.earlier) == {"a"}


def market(seed: int, first: int, fall: float, *, upgraded: bool) -> Shelves:
    """Twelve days; keen users take the new version and clicked a fifth more before they had it."""
    draws = np.random.default_rng(seed)
    n = 6_000
    user = draws.integers(1, 400, n)
    keen = user < 200
    day = first + draws.integers(0, 12, n)
    has = keen & upgraded
    chance = 0.3 * np.where(keen, 1.2, 1.0) * np.where(has, 1 - fall, 1.0)
    return make_shelves(
        np.arange(1, 2 * n + 1).reshape(n, 2),
        at=day * 86_400_000_000,
        user=user,
        grade=(draws.random((n, 2)) < chance[:, None]).astype(np.int8),
        app_version=["6" if each else "5" for each in has],
    )


@pytest.mark.parametrize("fall", [0.0, 0.25])
def test_who_takes_a_release_first_is_not_the_release(fall: float) -> None:
    """Keen users click more with any version; taken off, what is left is what the version did."""
    found = releases(market(1, 0, 0.0, upgraded=False), market(2, 20, fall, upgraded=True))
    new = next(each for each in found if each.name == "6")
    assert new.beside is not None
    measured = 1 - new.beside.after / new.beside.before
    assert abs(measured - fall * 1.2) < 3 * new.beside.error / new.beside.before
    assert new.beside.error / new.beside.before < 0.06
    assert new.exposed == pytest.approx(0.5, abs=0.05)
