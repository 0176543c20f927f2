"""The state machine: what leads to a request, what blocks it, and that the same question has the same answer."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from workers.decision.alarms import Reading
from workers.decision.decision import EarlierRequest, ExplainedAlarm, Moment, State, Step, adopt_live_model, decide
from workers.decision.retrain_policy import RetrainPolicy, Span
from workers.decision.signals import Change, Index, Recall, Recording, Release, Season, Signals, Stratum, Traffic

DAY = date(2026, 3, 20)
NOW = datetime(2026, 4, 12, 9, tzinfo=UTC)
SAME = Change(before=1.0, after=1.0)
ALARM = Reading(
    "concurrent",
    "lead",
    "m@1",
    e_value=400.0,
    days=60,
    units=6_000,
    alarm=DAY,
    since=date(2026, 3, 10),
    until=DAY,
    drop=0.06,
    error=0.01,
    strata=(Stratum(name="bags", share=SAME, value=-0.03, reference=0.0),),
)
QUIET = Reading("concurrent", "lead", "m@1", e_value=2.0, days=60, units=6_000, until=DAY)
SIGNS = Signals(
    live="m@1",
    recording=Recording(shelves_a_day=SAME, joined=SAME, sample_ratio_p=0.5),
    index=Index(lag_seconds=1.0, sold_shown=SAME),
    recall=Recall(recall=SAME, mixed=0.0),
    releases=(),
    traffic=Traffic(suspicious=SAME),
    season=Season(expected=0.0),
)
KNOWN = State(model="m@1")


def rules(**changed: Any) -> RetrainPolicy:
    """The usual rules, with something else."""
    return RetrainPolicy.model_validate(changed)


def step(reading: Reading = ALARM, state: State = KNOWN, hand: str | None = None, **changed: Any) -> Step:
    """A look at one reading."""
    return decide(state, [reading], SIGNS, Moment(now=NOW, manual_reason=hand), rules(**changed))


def made(days: float, model: str = "m@1") -> EarlierRequest:
    """A request so many days ago."""
    return EarlierRequest(decision_id="0" * 16, at=NOW - timedelta(days=days), trigger="model", model=model)


def test_nothing_is_wrong() -> None:
    """Quiet; growth that is not asked for does nothing."""
    assert step(QUIET).outcome.kind == "quiet"
    assert step(QUIET).request is None
    assert decide(KNOWN, [], Signals(), Moment(now=NOW), rules()).outcome.kind == "quiet"


def test_only_the_model_is_left() -> None:
    """A request that says why, since when, by how much, and what was ruled out; the evidence is used up."""
    told = step()
    assert told.outcome.kind == "request"
    assert told.request is not None
    assert (told.request.trigger, told.request.source, told.request.drop) == ("model", "concurrent", 0.06)
    assert {each.verdict for each in told.request.causes} == {"ruled out", "found"}
    assert told.state.restart == {"concurrent": DAY}
    assert told.state.made[0].decision_id == told.request.decision_id


def test_the_same_question_has_the_same_answer() -> None:
    """Whenever it is asked again from the same state: the id does not depend on the clock or on later evidence."""
    again = decide(KNOWN, [ALARM], SIGNS, Moment(now=NOW + timedelta(days=3)), rules())
    first, second = step().request, again.request
    assert first is not None
    assert second is not None
    assert first.decision_id == second.decision_id
    assert step() == step()


def test_an_alarm_that_can_not_be_told_from_anything_waits() -> None:
    """It is investigated, says what is missing, and keeps its evidence."""
    told = decide(KNOWN, [ALARM], SIGNS.model_copy(update={"index": None}), Moment(now=NOW), rules())
    assert (told.outcome.kind, told.request, told.state) == ("investigate", None, KNOWN)
    assert told.outcome.missing == ("index: nobody looked at the index's lag",)


def test_a_standing_cause_spoils_what_comes_in() -> None:
    """Until it is gone: then evidence counts from there, and nothing is requested for what it did."""
    broken = SIGNS.model_copy(update={"index": Index(lag_seconds=9_000.0, sold_shown=SAME)})
    told = decide(KNOWN, [ALARM], broken, Moment(now=NOW), rules())
    assert (told.outcome.kind, told.request) == ("investigate", None)
    assert told.state.explained["concurrent"].cause == "index"
    later = Reading("concurrent", "lead", "m@1", until=DAY + timedelta(days=4))
    still = decide(told.state, [later], broken, Moment(now=NOW), rules())
    assert still.outcome.kind == "investigate"
    assert still.state.restart["concurrent"] == DAY + timedelta(days=4)
    over = decide(still.state, [later], SIGNS, Moment(now=NOW), rules())
    assert over.outcome.kind == "quiet"
    assert over.state.restart["concurrent"] == DAY + timedelta(days=4)


def test_a_release_is_named_once() -> None:
    """It moved the level for good: the next days are held against a new reference."""
    layout = Release(kind="layout", name="low", day=date(2026, 3, 10), share=Change(before=0, after=1), one_sided=True)
    told = decide(KNOWN, [ALARM], SIGNS.model_copy(update={"releases": (layout,)}), Moment(now=NOW), rules())
    assert told.outcome.kind == "investigate"
    assert "layout low" in told.outcome.message
    after = decide(told.state, [QUIET], SIGNS, Moment(now=NOW), rules())
    assert (after.outcome.kind, after.state.explained, after.state.restart) == ("quiet", {}, {"concurrent": DAY})


BLOCKS: list[tuple[str, State, dict[str, Any], float]] = [
    ("kill switch", KNOWN, {"stop": True}, 0.06),
    ("one in flight", State(model="m@1", made=(made(20),)), {}, 0.06),
    ("monthly budget", State(model="m@1", made=(made(29, "m@0"), made(25, "m@0"))), {}, 0.06),
    ("least effect", KNOWN, {}, 0.015),
    ("cool-down", State(model="m@1", made=(made(3, "m@0"),)), {}, 0.06),
    ("cool-down", State(model="m@1", live_since=NOW - timedelta(days=5)), {}, 0.06),
    ("freeze", KNOWN, {"freeze": [{"first": "2026-04-10", "last": "2026-04-12"}]}, 0.06),
]


@pytest.mark.parametrize(("name", "state", "changed", "drop"), BLOCKS)
def test_each_rule_blocks_and_names_itself(name: str, state: State, changed: dict[str, Any], drop: float) -> None:
    """It alone; and without it there is a request."""
    reading = Reading(
        "concurrent", "lead", "m@1", alarm=DAY, since=ALARM.since, until=DAY, drop=drop, strata=ALARM.strata
    )
    told = step(reading, state, **changed)
    assert (told.outcome.kind, told.request, told.state) == ("blocked", None, state)
    assert [each.split(":")[0] for each in told.outcome.blocks] == [name]
    assert name in told.outcome.message
    assert step().request is not None


def test_every_rule_that_blocks_is_named() -> None:
    """So that nobody lifts one to run into the next."""
    told = step(state=State(model="m@1", made=(made(3),)), stop=True, monthly_budget=1)
    assert [each.split(":")[0] for each in told.outcome.blocks] == [
        "kill switch",
        "one in flight",
        "monthly budget",
        "cool-down",
    ]


def test_a_hand() -> None:
    """Needs no alarm, and passes cool-down and freeze; not the kill switch, the budget, or what is in flight."""
    soon = State(model="m@1", live_since=NOW - timedelta(days=1))
    freeze = [Span(first=NOW.date(), last=NOW.date())]
    told = step(QUIET, soon, hand="new season", freeze=freeze)
    assert told.request is not None
    assert (told.request.trigger, told.request.why) == ("hand", "new season")
    for state, changed in (
        (soon, {"stop": True}),
        (soon, {"monthly_budget": 0}),
        (State(model="m@1", made=(made(1),)), {}),
    ):
        assert step(QUIET, state, hand="new season", **changed).outcome.kind == "blocked"


def test_growth() -> None:
    """Enough new pairs ask by themselves, under every rule; not while an alarm is looked into."""
    grown = SIGNS.model_copy(update={"new_pairs": 300_000})
    enough = rules(enough_pairs=250_000)
    told = decide(KNOWN, [QUIET], grown, Moment(now=NOW), enough)
    assert told.request is not None
    assert (told.request.trigger, told.request.source) == ("growth", None)
    assert decide(KNOWN, [QUIET], grown, Moment(now=NOW), rules(enough_pairs=300_001)).outcome.kind == "quiet"
    assert decide(KNOWN, [QUIET], grown, Moment(now=NOW), rules(enough_pairs=9, stop=True)).outcome.kind == "blocked"
    unclear = grown.model_copy(update={"recall": None})
    assert decide(KNOWN, [ALARM], unclear, Moment(now=NOW), enough).outcome.kind == "investigate"


def test_another_model_begins_anew() -> None:
    """What was in flight has arrived, what was explained or used up was the old one's; the budget goes on."""
    old = State(
        model="m@1",
        made=(made(10),),
        restart={"observed": DAY},
        explained={"observed": ExplainedAlarm(cause="index", drop=0.1, since=DAY)},
    )
    new = adopt_live_model(old, "m@2", NOW)
    assert (new.model, new.restart, new.explained, new.made) == ("m@2", {}, {}, old.made)
    assert new.live_since == NOW
    assert adopt_live_model(old, None, NOW) == old
    assert adopt_live_model(State(), "m@1", NOW).live_since is None


def test_a_request_that_nothing_came_of() -> None:
    """Counts as lost after its days, so that a failed training does not silence everything."""
    assert step(state=State(model="m@1", made=(made(61),))).request is not None
    assert step(state=State(model="m@1", made=(made(61),)), in_flight_days=90).outcome.kind == "blocked"
