"""One look: take in matured days, read the evidence, decide, and bring a request to the log; all of the decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from schemas.evaluation import RetrainRequested
from workers.decide.causes import LIMITS, Limits
from workers.decide.decide import Moment, Outcome, State, Step, decide, settle
from workers.decide.diagnostics import shown
from workers.decide.evidence import Day, Store
from workers.decide.readings import Reading, against_reference, concurrent
from workers.decide.requests import Log, emit
from workers.decide.rules import Rules
from workers.decide.signs import Signs
from workers.decide.units import DCG, EVIDENCE, LEAD
from workers.evaluate.shelves import Windows, day_of

Gather = Callable[[Reading | None], Signs]
"""The signs of now; asked with the strongest alarm (its `since` parts before from after), None where there is none."""

STATE, TOLD, SIGNS = "state", "told", "signs"


class Said(BaseModel):
    """A source's reading as it is shown."""

    model_config = ConfigDict(frozen=True)

    source: str
    measure: str
    level: float
    run_length_days: float
    days: int
    units: int
    alarm: date | None
    since: date | None
    until: date | None
    drop: float | None
    error: float | None
    missing: str


class Told(BaseModel):
    """What `lookalike triggers` tells."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    model: str | None
    outcome: Outcome
    readings: tuple[Said, ...]
    diagnostics: dict[str, str]
    decision_id: str | None = None
    next_look: str = ""


@dataclass(frozen=True)
class Asked:
    """How a look is asked for: by whom, and whether anything may be written or published."""

    now: datetime
    hand: str | None = None
    dry: bool = False
    windows: Windows = EVIDENCE
    """What decides when a day has matured, for the words about the next look."""


def look(
    store: Store, days: Sequence[Day], gather: Gather, rules: Rules, log: Log, asked: Asked, limits: Limits = LIMITS
) -> Told:
    """Close `days` (matured ones, each whole), decide, and publish; exactly one record a decision, through crashes.

    A day that was closed before changes nothing. With `asked.dry` nothing is written or published, and `days` are left
    out. Raises what the log raises; the decision is kept then, and the next look brings it there.
    """
    with store.alone():
        if not asked.dry:
            for day in days:
                store.close_day(day, asked.now)
            emit(store, log, asked.now)  # what a crash left behind comes first: it is in flight
        told, step, signs = _decided(store, gather, rules, asked, limits)
        if not asked.dry:
            request = step.request
            notes = {STATE: step.state.model_dump_json(), TOLD: told.model_dump_json(), SIGNS: signs.model_dump_json()}
            store.write_step(notes, (request.decision_id, request.model_dump_json()) if request else None, asked.now)
            emit(store, log, asked.now)
    return told


def readings_of(store: Store, state: State, model: str | None, rules: Rules) -> list[Reading]:
    """What each source says of a model's evidence that is not used up, the stronger first."""
    if model is None:
        return []
    lead = _left(store.days("concurrent", model), state.restart.get("concurrent"))
    level = _left(store.days("observed", model), state.restart.get("observed"))
    none = "no matured day yet"
    return [
        concurrent(lead, rules) if lead else Reading("concurrent", LEAD, model, missing=none),
        against_reference(level, rules) if level else Reading("observed", DCG, model, missing=none),
    ]


def _left(days: list[Day], used: date | None) -> list[Day]:
    return [day for day in days if used is None or day.day > used]


def last_told(store: Store) -> Told | None:
    """What the last look came to."""
    note = store.note(TOLD)
    return None if note is None else Told.model_validate_json(note)


def last_signs(store: Store) -> Signs:
    """The signs of the last look; empty ones before it."""
    note = store.note(SIGNS)
    return Signs.model_validate({}) if note is None else Signs.model_validate_json(note)


def last_state(store: Store) -> State:
    """What is remembered; a fresh state before the first look."""
    note = store.note(STATE)
    return State() if note is None else State.model_validate_json(note)


def _decided(
    store: Store, gather: Gather, rules: Rules, asked: Asked, limits: Limits
) -> tuple[Told, Step, Signs]:  # fmt: skip
    state = last_state(store)
    model = state.model
    readings = readings_of(store, state, model, rules)
    signs = gather(next((each for each in readings if each.alarm is not None), None))
    if signs.live is not None and signs.live != model:  # promoted since: the evidence of another model counts
        state = settle(state, signs.live, asked.now)
        readings = readings_of(store, state, signs.live, rules)
        signs = gather(next((each for each in readings if each.alarm is not None), None))
    step = decide(state, readings, signs, Moment(now=asked.now, hand=asked.hand), rules, limits)
    said = tuple(_said(each, rules) for each in readings)
    told = Told(
        at=asked.now.astimezone(UTC), model=step.state.model, outcome=step.outcome, readings=said,
        diagnostics=shown(signs, asked.now.date()),
        decision_id=step.request.decision_id if step.request else None, next_look=_next_look(readings, asked.windows),
    )  # fmt: skip
    return told, step, signs


def _said(reading: Reading, rules: Rules) -> Said:
    return Said(
        source=reading.source, measure=reading.measure, level=min(reading.level, 1e300),
        run_length_days=rules.run_length_days, days=reading.days, units=reading.units, alarm=reading.alarm,
        since=reading.since, until=reading.until, drop=reading.drop, error=reading.error, missing=reading.missing,
    )  # fmt: skip


def _next_look(readings: Sequence[Reading], windows: Windows) -> str:
    last = max((each.until for each in readings if each.until is not None), default=None)
    if last is None:
        return f"when the first day has matured, {windows.longest.days} days after it"
    day = last + timedelta(days=1)
    return f"{windows.matures(day_of(day)):%Y-%m-%d %H:%M} UTC, when the shelves of {day} have matured"


def requests(store: Store) -> list[RetrainRequested]:
    """Every decision that was made here, oldest first."""
    return [RetrainRequested.model_validate_json(record) for record in store.decisions()]
