"""A site's days after promotion as observed evidence, one nuisance at a time, and the signs that it would have."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from workers.decision.alarms import Reading, observed_reading
from workers.decision.decision import Moment, State, decide
from workers.decision.evidence_store import Day
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.signals import Change, Index, Recall, Recording, Release, Season, Signals, Traffic

Floats = NDArray[np.float64]

FIRST = date(2026, 1, 5)
UNITS = 4_000
"""Users, days and strata at 10,000 shelves a day."""
STRATA = ("bags on app", "bags on web", "dresses on app", "dresses on web", "shoes on app", "shoes on web")
SHARES = np.array([0.3, 0.1, 0.25, 0.1, 0.15, 0.1])
LEVELS = {NDCG: np.array([0.66, 0.60, 0.62, 0.56, 0.58, 0.52]), DCG: np.array([0.24, 0.2, 0.18, 0.16, 0.14, 0.12])}
SPREADS = {NDCG: 0.28, DCG: 0.42}
WEATHER = 0.01
"""Standard deviation of what a day does to everybody, relative."""
TURN = 60
"""The day after promotion on which the nuisance begins."""


@dataclass
class World:
    """What a nuisance may change, day by day; all start as nothing."""

    days: int
    level: Floats = field(init=False)
    """Factor on both measures."""
    clicks: Floats = field(init=False)
    """Factor on DCG alone."""
    shares: Floats = field(init=False)
    bots: Floats = field(init=False)
    """Share of the units that are bots'."""
    noise: float = 1.0
    signs: dict[str, object] = field(default_factory=dict)
    """What the site's other watches would tell."""

    def __post_init__(self) -> None:
        self.level, self.clicks, self.bots = np.ones(self.days), np.ones(self.days), np.zeros(self.days)
        self.shares = np.tile(SHARES, (self.days, 1))


def _holiday(world: World) -> None:
    """Two weeks that the calendar of the rules does not know; earlier years do."""
    world.level[TURN : TURN + 14] *= 0.95
    world.signs["season"] = Season(expected=0.05, error=0.01)


def _unknown_holiday(world: World) -> None:
    """The same, and no earlier year was recorded."""
    world.level[TURN : TURN + 14] *= 0.95
    world.signs["season"] = None


def _slow_season(world: World) -> None:
    """Five per cent down over two months."""
    world.level[TURN:] *= 1 - 0.05 * np.minimum(1.0, np.arange(world.days - TURN) / 60)
    world.signs["season"] = Season(expected=0.04, error=0.01)


def _heavy_users(world: World) -> None:
    """Units twice as uneven."""
    world.noise = 2.0


def _bots(world: World) -> None:
    """A campaign of ten days, an eighth of the units; four in five are noticed by whoever watches for them."""
    world.bots[TURN : TURN + 10] = 0.125
    world.signs["traffic"] = 0.8


def _late_labels(world: World) -> None:
    """From one day on purchases arrive after their window: DCG loses three per cent, and nothing else tells."""
    world.clicks[TURN:] *= 0.97


def _promotion_bump(world: World) -> None:
    """What is new is clicked more for three weeks: the reference is too high."""
    world.level *= 1 + 0.05 * np.exp(-np.arange(world.days) / 7)


def _mix_shift(world: World) -> None:
    """A third of the bags' traffic goes to shoes, which fare worse."""
    world.shares[TURN:] = np.array([0.2, 0.06, 0.25, 0.1, 0.24, 0.15])


def _layout(world: World) -> None:
    """An app release moves the shelf down: everything loses eight per cent."""
    world.level[TURN:] *= 0.92
    share = Change(before=0.0, after=0.95)
    world.signs["releases"] = (Release(kind="layout", name="low", day=FIRST + timedelta(TURN), share=share),)


def _nothing(_world: World) -> None:
    """Weekdays and weather only."""


NUISANCES: dict[str, Callable[[World], None]] = {
    "nothing": _nothing,
    "a holiday that earlier years know": _holiday,
    "a holiday, no earlier year": _unknown_holiday,
    "a slow season": _slow_season,
    "heavy users": _heavy_users,
    "bots": _bots,
    "late labels": _late_labels,
    "a promotion bump": _promotion_bump,
    "a mix shift": _mix_shift,
    "a layout change": _layout,
}


@dataclass(frozen=True)
class Told:
    """What became of a site."""

    alarm: bool
    requested: bool
    cause: str
    delay: int | None = None
    """Days from TURN to the alarm."""


def site(nuisance: str, days: int, seed: int, drop: float = 0.0) -> Told:
    """Follow a site from promotion, a look a day, until its first alarm is looked into; `drop` is a real one."""
    draws, world = np.random.default_rng([seed, 17]), World(days)
    NUISANCES[nuisance](world)
    world.level[TURN:] *= 1 - drop
    evidence = [_day(world, number, draws) for number in range(days)]
    rules = RetrainPolicy.model_validate({})
    reading = _first_alarm(evidence, rules)
    if reading.alarm is None or reading.until is None:
        return Told(alarm=False, requested=False, cause="")
    moment = Moment(now=datetime.combine(reading.until, datetime.min.time(), UTC) + timedelta(days=22))
    step = decide(State(model="m"), [reading], _signs(world, evidence, reading, draws), moment, rules)
    found = next((each.cause for each in step.outcome.findings if each.verdict == "found"), "not known")
    blocked = f", blocked by {step.outcome.blocks[0].split(':')[0]}" if step.outcome.blocks else ""
    delay = (reading.alarm - FIRST).days - TURN
    return Told(alarm=True, requested=step.request is not None, cause=found + blocked, delay=delay)


def _first_alarm(evidence: Sequence[Day], rules: RetrainPolicy) -> Reading:
    """What is read on the day of the first alarm, of all days where there is none."""
    whole = observed_reading(evidence, rules)
    if whole.alarm is None:
        return whole
    return observed_reading([day for day in evidence if day.day <= whole.alarm], rules)


def named(told: Sequence[Told]) -> str:
    """How often each cause was named."""
    counts = Counter(each.cause for each in told if each.alarm)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "no alarm"


def _day(world: World, number: int, draws: np.random.Generator) -> Day:
    weekday = 1 + 0.01 * np.cos(2 * np.pi * number / 7)
    weather = 1 + draws.normal(0.0, WEATHER)
    codes = draws.choice(len(STRATA), UNITS, p=world.shares[number]).astype(np.int32)
    bot = draws.random(UNITS) < world.bots[number]
    values = np.empty((UNITS, 2))
    for column, measure in enumerate((NDCG, DCG)):
        factor = world.level[number] * (world.clicks[number] if measure == DCG else 1.0) * weekday * weather
        mean = np.where(bot, 0.6, 1.0) * LEVELS[measure][codes] * factor
        values[:, column] = mean + draws.normal(0.0, SPREADS[measure] * world.noise, UNITS)
    values[draws.random(UNITS) > 0.25, 0] = np.nan  # most user-days have no relevant item
    return Day("observed", "m", "", FIRST + timedelta(number), (NDCG, DCG), STRATA, codes, values)


def _signs(world: World, evidence: Sequence[Day], reading: Reading, draws: np.random.Generator) -> Signals:
    """Every watch in place: what it shows is what it would show in such a world."""
    since = ((reading.since or reading.alarm or FIRST) - FIRST).days
    caught = float(np.mean(world.bots[since : len(evidence)]))
    noticed = world.signs.get("traffic", 0.8)
    assert isinstance(noticed, float)
    drop = reading.drop or 0.0
    without = drop - 0.4 * caught * noticed
    season = world.signs.get("season", Season(expected=float(draws.normal(0.0, 0.005)), error=0.01))
    releases = world.signs.get("releases", ())
    same = Change(before=1.0, after=1.0)
    return Signals(
        live="m",
        promoted=FIRST,
        recording=Recording(
            shelves_a_day=same, joined=same, actions_a_shelf=Change(before=1.0, after=1 - drop), sample_ratio_p=0.5
        ),
        index=Index(lag_seconds=5.0, sold_shown=Change(before=0.001, after=0.001)),
        recall=Recall(recall=same, mixed=0.0),
        releases=releases,
        traffic=Traffic(suspicious=Change(before=0.01, after=0.01 + caught * noticed), drop_without=without),
        season=season,
    )
