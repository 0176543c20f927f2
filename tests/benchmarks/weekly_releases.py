"""A site with a new app version each week, shelf by shelf: evidence and signs are the product's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from workers.decision import shelf_signals
from workers.decision.alarms import Reading, observed_reading
from workers.decision.decision import Moment, State, decide
from workers.decision.evidence_store import Day
from workers.decision.evidence_units import observed_days
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.root_causes import LIMITS
from workers.decision.signals import Change, Index, Recall, Season, Signals
from workers.evaluation.reader import concatenate
from workers.evaluation.shelves import Categorical, Shelves, day_of, make_shelves
from workers.evaluator.comparison_days import days_around

FIRST = date(2026, 1, 5)
SHELVES, WIDTH, USERS = 10_000, 5, 15_000
TURN, AFTER = 45, 28
"""Days after promotion on which the drop begins, and days that are followed from there."""
APP = 0.7
ADOPTION_DAYS = 2.0
"""Mean time until a user takes a new version; those who are quick click a twentieth more, before and after."""
WEATHER = 0.01
_CATEGORIES = ("", "bags", "dresses", "shoes")
_LEVELS = np.array([0.0, 1.2, 1.0, 0.8])


@dataclass
class Site:
    """Its users, and what is different from `TURN` on."""

    seed: int
    drop: float = 0.0
    """Of the model, for everybody."""
    release: float = 0.0
    """Of the version that comes on the day of the drop, for who has it or a later one."""
    slow: int = 0
    """Days over which the model's drop comes; 0 is at once."""
    draws: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng([self.seed, 23])
        self.activity = self.draws.lognormal(0.0, 1.2, USERS)
        self.activity /= self.activity.sum()
        self.app = self.draws.random(USERS) < APP
        self.lag = self.draws.exponential(ADOPTION_DAYS, USERS)
        quick = 1 + 0.05 * (self.lag < ADOPTION_DAYS * 0.7)
        self.taste = self.draws.lognormal(0.0, 0.3, USERS) * quick
        self.offset = int(self.draws.integers(0, 7))
        """Days from a release to the drop, so that drops are on any day of the week; a release's own is at once."""

    def version(self, day: int, user: NDArray[np.intp]) -> NDArray[np.int32]:
        """Weeks of releases that users have taken by a day."""
        begun = day - TURN + (0 if self.release else self.offset) + 70
        return np.where(self.app[user], np.floor((begun - self.lag[user]) / 7), -1).astype(np.int32)

    def day(self, number: int) -> Shelves:
        """The shelves of a day."""
        draws = self.draws
        user = draws.choice(USERS, SHELVES, p=self.activity)
        version, category = self.version(number, user), draws.integers(1, len(_CATEGORIES), SHELVES)
        since = max(0, number - TURN + 1)
        fallen = self.drop * (min(1.0, since / self.slow) if self.slow else float(since > 0))
        level = _LEVELS[category] * self.taste[user] * (1 + draws.normal(0.0, WEATHER)) * (1 - fallen)
        level *= np.where(version >= 10, 1 - self.release, 1.0)
        chance = np.clip(0.09 * level[:, None] / (1 + np.arange(WIDTH)) ** 0.5, 0, 1)
        names = ("", *(f"5.{week}" for week in range(40)))
        none = Categorical(np.zeros(SHELVES, np.int32))
        return make_shelves(
            draws.integers(1, 2**62, (SHELVES, WIDTH), dtype=np.uint64),
            at=np.full(SHELVES, day_of(FIRST + timedelta(number)) * 86_400_000_000, np.int64),
            user=(user + 1).astype(np.uint64),
            category=category,
            categories=_CATEGORIES,
            surface=Categorical(self.app[user].astype(np.int32) + 1, ("", "web", "app")),
            app_version=Categorical((version + 1).astype(np.int32), names),
            model=Categorical(np.ones(SHELVES, np.int32), ("", "m")),
            anchor=none,
            grade=(draws.random((SHELVES, WIDTH)) < chance).astype(np.int8),
        )


@dataclass(frozen=True)
class Followed:
    """What became of a site."""

    alarm: int | None
    """Days from the drop to the first alarm."""
    asked: int | None
    """The same to the request."""
    cause: str
    """What was found when it was followed for the last time."""


def follow(site: Site) -> Followed:
    """A look a day from promotion on, until a retraining is requested or the days are over."""
    policy = RetrainPolicy.model_validate({"enough_pairs": None})
    shelves, evidence = list[Shelves](), list[Day]()
    state, first, cause = State(model="m"), None, "no alarm"
    for number in range(TURN + AFTER):
        shelves.append(site.day(number))
        evidence += observed_days(shelves[-1])
        if number < policy.settle_days + policy.reference_days:
            continue
        used, allowed = state.restart.get("observed"), state.allowed.get("observed", 0.0)
        reading = observed_reading(evidence, policy, used, allowed)
        if reading.alarm is not None and first is None:
            first = number - TURN
        signals = _signals(reading, shelves, policy) if reading.alarm is not None else _nothing_wrong()
        moment = Moment(now=datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=number + 4))
        step = decide(state, [reading], signals, moment, policy)
        state = step.state
        if step.request is not None:
            return Followed(first, number - TURN, "model")
        if step.outcome.findings:
            named = [each.cause for each in step.outcome.findings if each.verdict == "found"]
            cause = named[0] if named else "not known"
    return Followed(first, None, cause)


def _nothing_wrong() -> Signals:
    same = Change(before=1.0, after=1.0)
    return Signals(
        live="m",
        index=Index(lag_seconds=5.0, sold_shown=Change(before=0.001, after=0.001)),
        recall=Recall(recall=same, mixed=0.0),
        season=Season(expected=0.0, error=0.002),
    )


def _signals(reading: Reading, shelves: Sequence[Shelves], policy: RetrainPolicy) -> Signals:
    """What the evaluator would measure of these shelves; index, recall and season are well."""
    closed = [FIRST + timedelta(number) for number in range(len(shelves))]
    around = days_around(closed, reading, policy, LIMITS.release_days)
    assert around is not None

    def between(since: date, until: date) -> Shelves:
        return concatenate(list(shelves[(since - FIRST).days : (until - FIRST).days]))

    before, after = between(*around.before), between(*around.after)
    turned = between(around.release_from, around.after[1])
    return _nothing_wrong().model_copy(
        update={
            "recording": shelf_signals.recording(before, after, Change(before=1.0, after=1.0)),
            "releases": shelf_signals.releases(before, turned, measure=reading.measure),
            "traffic": shelf_signals.traffic(before, after),
        }
    )
