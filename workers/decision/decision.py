"""The decision: from evidence, signs, the clock and the rules to quiet, investigate, blocked or request. Pure.

quiet ──alarm──► investigate ──only the model is left──► blocked (by a rule, named) ──► request
Growth of the data and a hand come to the rules without an alarm. The same input gives the same answer, and the same
decision id, however often it is asked: an id is made of all that a request says but its time, and of the request that
it follows in the log, so it is the same on no two occasions and in no two folders that know different things.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from math import inf
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.retrain_request import RetrainRequested, Tried, Trigger
from workers.decision.alarms import Reading
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.root_causes import (
    CAUSES,
    LEVEL_CAUSES,
    LIMITS,
    PERSISTENT_CAUSES,
    SHARE_NAMED,
    Finding,
    Limits,
    examine_causes,
)
from workers.decision.signals import Signals, Source

Kind = Literal["quiet", "investigate", "blocked", "request"]
BUDGET_DAYS = 30


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EarlierRequest(_Value):
    """A decision that was made."""

    decision_id: str
    at: datetime
    trigger: Trigger
    model: str | None


class ExplainedAlarm(_Value):
    """An alarm whose cause was found, and is still there or was when it was looked at last."""

    cause: str
    drop: float | None
    since: date | None


class ModelMemory(_Value):
    """What is remembered of a model that is not live now: it may be live again after a rollback."""

    restart: dict[Source, date] = {}
    explained: dict[Source, ExplainedAlarm] = {}
    allowed: dict[Source, float] = {}


class State(_Value):
    """What is remembered from one look to the next."""

    model: str | None = None
    live_since: datetime | None = None
    """When another model was seen live for the first time; None for the first one."""
    restart: dict[Source, date] = {}
    """Evidence up to this day is used up: its alarm was explained, or asked for."""
    explained: dict[Source, ExplainedAlarm] = {}
    allowed: dict[Source, float] = {}
    """The relative drop below the reference that causes which moved the level once have explained so far."""
    earlier: dict[str, ModelMemory] = {}
    """Of the models that were live before."""
    made: tuple[EarlierRequest, ...] = ()


class Outcome(_Value):
    """What a look comes to, in words."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    kind: Kind
    message: str = Field(alias="says")
    trigger: Trigger | None = None
    source: Source | None = None
    findings: tuple[Finding, ...] = ()
    blocks: tuple[str, ...] = ()
    """The rules that block, each by its name and why."""
    missing: tuple[str, ...] = ()


class Step(_Value):
    """The outcome, what to remember, and the request where there is one."""

    outcome: Outcome
    state: State
    request: RetrainRequested | None = None


class Moment(_Value):
    """When it is asked, and by whom."""

    now: datetime
    manual_reason: str | None = None
    """A person's reason to request a retraining."""
    follows: str | None = None
    """The last decision in the log."""


def adopt_live_model(state: State, live: str | None, now: datetime) -> State:
    """The state if another model may have become live: nothing of the old one's evidence counts for it.

    A model that comes back finds its evidence as used up as it was.
    """
    if live is None or live == state.model:
        return state
    earlier = dict(state.earlier)
    if state.model is not None:
        earlier[state.model] = ModelMemory(restart=state.restart, explained=state.explained, allowed=state.allowed)
    own = earlier.pop(live, ModelMemory())
    return State(
        model=live,
        live_since=None if state.model is None else now,
        restart=own.restart,
        explained=own.explained,
        allowed=own.allowed,
        earlier=earlier,
        made=state.made,
    )


def decide(
    state: State,
    readings: Sequence[Reading],
    signs: Signals,
    moment: Moment,
    rules: RetrainPolicy,
    limits: Limits = LIMITS,
) -> Step:
    """One look; `readings` are of the evidence after `state.restart`, the stronger source first."""
    state = _still_explained(adopt_live_model(state, signs.live, moment.now), readings, signs, limits)
    missing = tuple(f"{each.source}: {each.missing}" for each in readings if each.missing)
    if moment.manual_reason is not None:
        return _asked(
            state, signs, moment, rules, Outcome(kind="request", message=moment.manual_reason, trigger="hand")
        )
    for alarm in (each for each in readings if each.alarm is not None):
        return _looked_into(state, alarm, signs, moment, rules, limits)
    if state.explained:
        return Step(outcome=_waiting(state, missing), state=state)
    if rules.enough_pairs is not None and (signs.new_pairs or 0) >= rules.enough_pairs:
        message = f"{signs.new_pairs:,} new pairs since the live model was trained, {rules.enough_pairs:,} are enough"
        return _asked(state, signs, moment, rules, Outcome(kind="request", message=message, trigger="growth"))
    return Step(
        outcome=Outcome(kind="quiet", message="nothing speaks against the live model", missing=missing), state=state
    )


def _looked_into(
    state: State, alarm: Reading, signs: Signals, moment: Moment, rules: RetrainPolicy, limits: Limits
) -> Step:
    """An alarm is first something to investigate."""
    findings = examine_causes(alarm, signs, rules.tolerate, limits)
    told = {"source": alarm.source, "findings": findings}
    model = findings[-1]
    largest = max(
        (each for each in findings[:-1] if each.verdict == "found"),
        key=lambda each: inf if each.explains is None else each.explains,
        default=None,
    )
    found = model if model.verdict == "found" else largest
    if found is None or model.verdict == "not known":
        missing = tuple(f"{each.cause}: {each.message}" for each in findings[:-1] if each.verdict == "not known")
        message = f"{_what(alarm)}; it can't be told from what yet"
        return Step(outcome=Outcome(kind="investigate", message=message, missing=missing, **told), state=state)
    if found.cause != "model":
        explained = ExplainedAlarm(cause=found.cause, drop=alarm.drop, since=alarm.since)
        message = f"{_what(alarm)}, and that is no matter of the model: {found.cause}: {found.message}"
        after = _used_up(state, alarm)
        after = after.model_copy(update={"explained": {**after.explained, alarm.source: explained}})
        if found.cause in LEVEL_CAUSES and alarm.source == "observed":
            share = (alarm.drop or 0.0) if found.explains is None else found.explains
            allowed = after.allowed.get(alarm.source, 0.0) + share
            after = after.model_copy(update={"allowed": {**after.allowed, alarm.source: allowed}})
        return Step(outcome=Outcome(kind="investigate", message=message, **told), state=after)
    alarm = replace(alarm, drop=model.figures.get("drop", alarm.drop))  # what is left when the others have their share
    message = f"{_what(alarm)}; {model.message}" if _partly(findings) else f"{_what(alarm)}; {_RULED_OUT}"
    step = _asked(state, signs, moment, rules, Outcome(kind="request", message=message, trigger="model", **told), alarm)
    return step.model_copy(update={"state": _used_up(step.state, alarm)}) if step.request else step


_RULED_OUT = "every other cause was ruled out"


def _partly(findings: Sequence[Finding]) -> bool:
    """Whether another cause explains some of the drop."""
    return any(each.verdict == "found" or (each.explains or 0.0) >= SHARE_NAMED for each in findings[:-1])


def _what(alarm: Reading) -> str:
    drop = "" if alarm.drop is None else f" by about {alarm.drop:.1%}"
    if alarm.source == "concurrent":
        return (
            f"the live model's credit in direct competition with the anchor fell{drop} since {alarm.since} (strong "
            "evidence; measures fall by less)"
        )
    return f"{alarm.measure} fell{drop} since {alarm.since} (weak evidence: nothing was randomised)"


def _asked(
    state: State, signs: Signals, moment: Moment, rules: RetrainPolicy, wanted: Outcome, alarm: Reading | None = None
) -> Step:
    """What is wanted, unless a rule blocks it; all that do are named."""
    blocks = blocking_rules(state, signs, moment, rules, wanted, alarm)
    if blocks:
        update = {
            "kind": "blocked",
            "blocks": blocks,
            "message": f"{wanted.message}; not requested: {'; '.join(blocks)}",
        }
        return Step(outcome=wanted.model_copy(update=update), state=state)
    request = _request(state, moment, wanted, alarm)
    made = earlier_request(request)
    return Step(outcome=wanted, state=state.model_copy(update={"made": (*state.made, made)}), request=request)


def _request(state: State, moment: Moment, wanted: Outcome, alarm: Reading | None) -> RetrainRequested:
    request = RetrainRequested(
        decision_id="0" * 16,
        at=moment.now,
        model=state.model,
        trigger=wanted.trigger or "hand",
        why=wanted.message,
        source=wanted.source,
        drop=alarm.drop if alarm else None,
        since=alarm.since if alarm else None,
        until=alarm.until if alarm else None,
        causes=tuple(Tried(cause=each.cause, verdict=each.verdict, says=each.message) for each in wanted.findings),
        follows=moment.follows,
    )
    return request.model_copy(update={"decision_id": decision_id(request)})


def earlier_request(request: RetrainRequested) -> EarlierRequest:
    """A request as the rules remember it."""
    return EarlierRequest(decision_id=request.decision_id, at=request.at, trigger=request.trigger, model=request.model)


def decision_id(request: RetrainRequested) -> str:
    """The id of a request, 16 hexadecimal digits: a hash of all that it says, but for its id and its time."""
    return hashlib.sha256(request_content(request).encode()).hexdigest()[:16]


def request_content(request: RetrainRequested) -> str:
    """What a request says, without its id and its time: of two records with one id it must be the same."""
    return request.model_dump_json(exclude={"decision_id", "at"}, exclude_none=True)


def blocking_rules(
    state: State, signs: Signals, moment: Moment, rules: RetrainPolicy, wanted: Outcome, alarm: Reading | None
) -> tuple[str, ...]:
    """The rules that forbid a request now, each by its name. A hand passes least effect, cool-down and freeze."""
    now, by_hand = moment.now, wanted.trigger == "hand"
    last = state.made[-1] if state.made else None
    blocks = []
    if rules.stop:
        blocks.append("kill switch: it is set")
    if last is not None and last.model == state.model and now - last.at < timedelta(days=rules.in_flight_days):
        blocks.append(f"one in flight: {last.decision_id} was requested on {last.at:%Y-%m-%d}")
    recent = [each for each in state.made if now - each.at < timedelta(days=BUDGET_DAYS)]
    if len(recent) >= rules.monthly_budget:
        blocks.append(f"monthly budget: {len(recent)} in {BUDGET_DAYS} days, {rules.monthly_budget} may be")
    if by_hand:
        return tuple(blocks)
    if alarm is not None and (alarm.drop is None or alarm.drop < rules.least_effect):
        what = "credit in direct competition" if alarm.source == "concurrent" else alarm.measure
        blocks.append(f"least effect: a drop of {alarm.drop or 0.0:.1%} in {what} is below {rules.least_effect:.1%}")
    blocks += _too_soon(state, signs, now, rules)
    frozen = rules.frozen_on(now.date())
    if frozen is not None:
        blocks.append(f"freeze: {frozen.first} to {frozen.last}{' ' + frozen.name if frozen.name else ''}")
    return tuple(blocks)


def _too_soon(state: State, signs: Signals, now: datetime, rules: RetrainPolicy) -> list[str]:
    marks = [("a request", state.made[-1].at)] if state.made else []
    if state.live_since is not None:
        marks.append(("a promotion", state.live_since))
    if signs.promoted is not None:
        marks.append(("a promotion", datetime.combine(signs.promoted, datetime.min.time(), now.tzinfo)))
    what, at = max(marks, key=lambda mark: mark[1], default=("", None))
    if at is None or now - at >= timedelta(days=rules.cool_down_days):
        return []
    return [f"cool-down: {what} on {at:%Y-%m-%d}, {rules.cool_down_days:g} days must pass"]


def _used_up(state: State, alarm: Reading) -> State:
    if alarm.until is None:
        return state
    return state.model_copy(update={"restart": {**state.restart, alarm.source: alarm.until}})


def _still_explained(state: State, readings: Sequence[Reading], signs: Signals, limits: Limits) -> State:
    """Forget a cause that is gone; while it stands, what comes in meanwhile is spoilt."""
    explained, restart = dict(state.explained), dict(state.restart)
    for reading in readings:
        past = explained.get(reading.source)
        if past is None:
            continue
        as_it_was = Reading(
            reading.source, reading.measure, reading.model, since=past.since, until=reading.until, drop=past.drop
        )
        stands = past.cause in PERSISTENT_CAUSES and CAUSES[past.cause](as_it_was, signs, limits).verdict == "found"
        if stands and reading.until is not None:
            restart[reading.source] = reading.until
        elif not stands:
            del explained[reading.source]
    return state.model_copy(update={"explained": explained, "restart": restart})


def _waiting(state: State, missing: tuple[str, ...]) -> Outcome:
    causes = ", ".join(sorted({each.cause for each in state.explained.values()}))
    message = f"{causes} is still found; evidence counts again when it is gone"
    return Outcome(kind="investigate", message=message, missing=missing)
