"""One look: take in matured days, read the evidence, decide, and bring a request to the log; all of the decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.retrain_request import RetrainRequested
from streams.errors import Broken
from streams.listing_codec import why_invalid
from workers.decision.alarms import Reading, concurrent_reading, observed_reading
from workers.decision.decision import (
    EarlierRequest,
    Moment,
    Outcome,
    State,
    Step,
    adopt_live_model,
    decide,
    earlier_request,
)
from workers.decision.diagnostics import describe_diagnostics
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, EVIDENCE, LEAD
from workers.decision.measured_falls import MeasuredFall, measured_falls
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.retrain_requests import RefusedRequest, RequestLog, publish_pending
from workers.decision.root_causes import LIMITS, Limits
from workers.decision.signals import Signals
from workers.evaluation.shelves import Windows, day_of

CollectSignals = Callable[[Reading | None], Signals]
"""The signs of now; asked with the strongest alarm (its `since` parts before from after), None where there is none."""

STATE, RESULT, SIGNALS = "state", "told", "signs"


class SourceSummary(BaseModel):
    """A source's reading as it is shown."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    source: str
    measure: str
    e_value: float = Field(alias="level")
    run_length_days: float
    days: int
    units: int
    alarm: date | None
    since: date | None
    until: date | None
    drop: float | None
    error: float | None
    missing: str


class RoundResult(BaseModel):
    """What `lookalike triggers` tells."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    model: str | None
    outcome: Outcome
    readings: tuple[SourceSummary, ...]
    diagnostics: dict[str, str]
    decision_id: str | None = None
    next_look: str = ""
    as_of: date | None = None
    """The last closed day; the verdict is of the days up to it."""
    falls: tuple[MeasuredFall, ...] = ()
    """Of each measure, whatever the outcome is."""


@dataclass(frozen=True)
class RoundRequest:
    """How a look is asked for: by whom, and whether anything may be written or published."""

    now: datetime
    manual_reason: str | None = None
    dry: bool = False
    windows: Windows = EVIDENCE
    """What decides when a day has matured, for the words about the next look."""


def run_round(
    store: Store,
    days: Sequence[Day],
    gather: CollectSignals,
    rules: RetrainPolicy,
    log: RequestLog,
    asked: RoundRequest,
    limits: Limits = LIMITS,
) -> RoundResult:
    """Close `days` (matured ones, each whole), decide, and publish; exactly one record a decision, through crashes.

    A day that was closed before changes nothing. With `asked.dry` nothing is written or published, and `days` are left
    out. Raises what the log raises; the decision is kept then, and the next look brings it there.
    """
    with store.exclusive():
        if not asked.dry:
            for day in days:
                store.close_day(day, asked.now)
            publish_pending(store, log, asked.now)  # what a crash left behind comes first: it is in flight
        there = log.requested()
        told, step, signs = _decided(store, gather, rules, asked, limits, there)
        if not asked.dry:
            request = step.request
            notes = {
                STATE: step.state.model_dump_json(),
                RESULT: told.model_dump_json(),
                SIGNALS: signs.model_dump_json(),
            }
            store.write_step(notes, (request.decision_id, request.model_dump_json()) if request else None, asked.now)
            for refused in publish_pending(store, log, asked.now):
                if request is not None and refused.decision_id == request.decision_id:
                    told = _not_made(told, refused)
                    store.write_step({RESULT: told.model_dump_json()}, None, asked.now)
    return told


def _not_made(told: RoundResult, refused: RefusedRequest) -> RoundResult:
    """What is told of a decision that the log can't have: it was not requested, and why."""
    message = f"{told.outcome.message}; not requested: {refused.why}; look again"
    outcome = told.outcome.model_copy(update={"kind": "blocked", "message": message, "blocks": (refused.why,)})
    return told.model_copy(update={"outcome": outcome, "decision_id": None})


def _made(store: Store, there: Sequence[RetrainRequested]) -> tuple[EarlierRequest, ...]:
    """Every decision that is known, from the log and from here, oldest first; the log's word counts."""
    known = {each.decision_id: each for each in (*made_requests(store), *there)}
    return tuple(earlier_request(each) for each in sorted(known.values(), key=lambda each: each.at))


def source_readings(store: Store, state: State, model: str | None, rules: RetrainPolicy) -> list[Reading]:
    """What each source says of a model's evidence that is not used up, the stronger first."""
    if model is None:
        return []
    lead, level = store.days("concurrent", model), store.days("observed", model)
    allowed = state.allowed.get("observed", 0.0)
    none = "no matured day yet"
    return [
        concurrent_reading(lead, rules, state.restart.get("concurrent"))
        if lead
        else Reading("concurrent", LEAD, model, missing=none),
        observed_reading(level, rules, state.restart.get("observed"), allowed)
        if level
        else Reading("observed", DCG, model, missing=none),
    ]


def last_result(store: Store) -> RoundResult | None:
    """What the last look came to."""
    note = store.note(RESULT)
    try:
        return None if note is None else RoundResult.model_validate_json(note)
    except ValidationError:  # of another version; the next round writes it anew
        return None


def last_signals(store: Store) -> Signals:
    """The signs of the last look; empty ones before it."""
    note = store.note(SIGNALS)
    try:
        return Signals.model_validate({}) if note is None else Signals.model_validate_json(note)
    except ValidationError:  # of another version: nothing of it is known, and the next round measures anew
        return Signals.model_validate({})


def last_state(store: Store) -> State:
    """What is remembered; a fresh state before the first look. Raises Broken if it can't be read."""
    note = store.note(STATE)
    try:
        return State() if note is None else State.model_validate_json(note)
    except ValidationError as error:  # a fresh one would count evidence that is used up a second time
        raise Broken(
            f"what the decision remembers can't be read: {why_invalid(error)}; run the version that wrote it, or "
            "restore evidence.sqlite"
        ) from None


def _decided(
    store: Store,
    gather: CollectSignals,
    rules: RetrainPolicy,
    asked: RoundRequest,
    limits: Limits,
    there: Sequence[RetrainRequested],
) -> tuple[RoundResult, Step, Signals]:
    state = last_state(store).model_copy(update={"made": _made(store, there)})
    model = state.model
    readings = source_readings(store, state, model, rules)
    signs = gather(next((each for each in readings if each.alarm is not None), None))
    if signs.live is not None and signs.live != model:  # promoted since: the evidence of another model counts
        state = adopt_live_model(state, signs.live, asked.now)
        readings = source_readings(store, state, signs.live, rules)
        signs = gather(next((each for each in readings if each.alarm is not None), None))
    moment = Moment(now=asked.now, manual_reason=asked.manual_reason, follows=there[-1].decision_id if there else None)
    step = decide(state, readings, signs, moment, rules, limits)
    falls = measured_falls(store.days("observed", step.state.model), rules) if step.state.model is not None else ()
    said = tuple(_said(each, rules) for each in readings)
    told = RoundResult(
        at=asked.now.astimezone(UTC),
        model=step.state.model,
        outcome=_with_falls(step.outcome, falls),
        readings=said,
        diagnostics=describe_diagnostics(signs, asked.now.date()),
        decision_id=step.request.decision_id if step.request else None,
        next_look=_next_look(readings, asked.windows),
        as_of=store.last_day(),
        falls=falls,
    )
    return told, step, signs


def _with_falls(outcome: Outcome, falls: Sequence[MeasuredFall]) -> Outcome:
    """What is quiet says which measures have fallen: that nothing is asked for is no word of how all is."""
    certain = [
        f"{each.measure} fell by {each.fall:.1%} ({each.low:.1%} to {each.high:.1%})" for each in falls if each.certain
    ]
    if outcome.kind != "quiet" or not certain:
        return outcome
    return outcome.model_copy(update={"message": f"nothing is asked for, but {' and '.join(certain)}"})


def _said(reading: Reading, rules: RetrainPolicy) -> SourceSummary:
    return SourceSummary(
        source=reading.source,
        measure=reading.measure,
        e_value=min(reading.e_value, 1e300),
        run_length_days=rules.run_length_days,
        days=reading.days,
        units=reading.units,
        alarm=reading.alarm,
        since=reading.since,
        until=reading.until,
        drop=reading.drop,
        error=reading.error,
        missing=reading.missing,
    )


def _next_look(readings: Sequence[Reading], windows: Windows) -> str:
    last = max((each.until for each in readings if each.until is not None), default=None)
    if last is None:
        return f"when the first day has matured, {windows.longest.days} days after it"
    day = last + timedelta(days=1)
    return f"{windows.matures(day_of(day)):%Y-%m-%d %H:%M} UTC, when the shelves of {day} have matured"


def made_requests(store: Store) -> list[RetrainRequested]:
    """Every decision that was made here, oldest first."""
    return [RetrainRequested.model_validate_json(record) for record in store.decisions()]
