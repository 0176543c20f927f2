"""The signs of a look: from the shelves themselves, from the broker, and from the index that answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from streams.settings import Settings
from workers.decision import shelf_signals
from workers.decision.alarms import Reading
from workers.decision.decision_round import made_requests
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, EVIDENCE
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.root_causes import LIMITS
from workers.decision.seasonality import season
from workers.decision.signals import Change, Index, Recall, Recording, Release, Signals
from workers.evaluation.attribution_rate import attribution
from workers.evaluation.day_statistics import of_model
from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import Shelves
from workers.evaluator.comparison_days import ComparisonDays, days_around
from workers.evaluator.diagnostics_guard import DiagnosticsGuard
from workers.evaluator.index_quality import IndexQuality
from workers.evaluator.kafka import KafkaStatus
from workers.evaluator.live_model import LiveModel
from workers.interactions.gaps import find_gaps


@dataclass(frozen=True)
class SignalCollector:
    """Where a look takes its signs from; asked with the strongest alarm, it reads and asks anew."""

    settings: Settings
    folder: Path
    store: Store
    policy: RetrainPolicy
    live: LiveModel
    kafka: KafkaStatus
    index_quality: Callable[[date | None], IndexQuality]
    """What the index that answers shows, given the day since which the live model is live."""

    def __call__(self, alarm: Reading | None) -> Signals:
        """What can be known; what can't is None, which is not the same as nothing wrong.

        Each diagnostic by itself: one that fails is in `unknown` with its reason, and all others are still measured.
        """
        live = self.live
        promoted = live.since if live.replaced is not None else None
        known = Signals(live=live.model, promoted=promoted)
        closed = self.store.closed_days("observed", live.model)
        around = days_around(closed, alarm, self.policy, LIMITS.release_days)
        if around is None:
            return known
        guard = DiagnosticsGuard()
        measure = _measure(alarm)
        found = self._from_shelves(guard, around, measure)
        quality = self.index_quality(promoted or closed[0])
        mixed = found.pop("mixed")
        found |= {
            "recall": Recall(recall=quality.recall, mixed=mixed),
            "season": guard.measure(
                "season", lambda: season(self._as_good_as_ever, around.before, around.after, measure)
            ),
            "new_pairs": quality.new_pairs,
            "drift": quality.drift,
            "unknown": {**quality.unknown, **guard.unknown},
        }
        return known.model_copy(update=found)

    def _from_shelves(self, guard: DiagnosticsGuard, around: ComparisonDays, measure: str) -> dict[str, Any]:
        """What the shelves of the days before and after say, and what surrounds their recording."""
        both = guard.measure("shelves", lambda: (self._some_shelves(*around.before), self._some_shelves(*around.after)))
        lag = guard.measure("index_lag", self.kafka.index_lag_seconds)
        if both is None:
            recorded, index = self._recording(guard, around, Recording()), Index(lag_seconds=lag)
            return {"recording": recorded, "index": index, "mixed": None}
        before, after = both
        own = of_model(before, self.live.model), of_model(after, self.live.model)
        volumes = guard.measure("volumes", lambda: shelf_signals.recording(before, after))
        sold = guard.measure("sold_items", lambda: shelf_signals.sold_items(before, after).sold_shown)
        return {
            "recording": self._recording(guard, around, volumes or Recording()),
            "index": Index(lag_seconds=lag, sold_shown=sold),
            "mixed": guard.measure("other_models", lambda: self._mixed(after)),
            "releases": guard.measure("releases", lambda: self._releases(own[0], around, measure)),
            "traffic": guard.measure("traffic", lambda: shelf_signals.traffic(*own)),
        }

    def _recording(self, guard: DiagnosticsGuard, around: ComparisonDays, volumes: Recording) -> Recording:
        since = datetime.combine(around.after[0], datetime.min.time(), UTC)
        rates = guard.measure("attribution", lambda: self._rates(around))
        joined, outside = rates or (None, None)
        return volumes.model_copy(
            update={
                "joined": joined,
                "outside": outside,
                "missing": guard.measure("gaps", lambda: _missing(self.folder, around)),
                "unread": guard.measure("recorder_lag", self.kafka.recorder_lag),
                "refused": guard.measure("refused_records", lambda: self.kafka.refused_share(since)),
            }
        )

    def _rates(self, around: ComparisonDays) -> tuple[Change | None, Change | None]:
        """The share of actions whose shelf is known, and of these the share outside its window."""
        was, is_now = (attribution(self.folder, *days) for days in (around.before, around.after))
        return _change(was.rate, is_now.rate), _change(was.outside_share, is_now.outside_share)

    def _as_good_as_ever(self, since: date, until: date) -> list[Day]:
        """The observed days of all models, but for those on which one was found to be worse: no doing of the season."""
        worse = {each.model: each.since for each in made_requests(self.store) if each.trigger == "model" and each.since}
        days = self.store.days_within("observed", since, until)
        return [day for day in days if day.day < worse.get(day.model, date.max)]

    def _mixed(self, after: Shelves) -> float | None:
        """The share of shelves that were ranked by another model than the one that is live."""
        return 1 - len(of_model(after, self.live.model)) / len(after) if len(after) else None

    def _releases(self, before: Shelves, around: ComparisonDays, measure: str) -> tuple[Release, ...]:
        return shelf_signals.releases(before, self._since_turn(around), measure=measure)

    def _since_turn(self, around: ComparisonDays) -> Shelves:
        return of_model(self._shelves(around.release_from, around.after[1]), self.live.model)

    def _some_shelves(self, since: date, until: date) -> Shelves:
        """Raises ValueError if the live model has none: evidence was closed of these days, so their files are gone."""
        found = self._shelves(since, until)
        if not len(of_model(found, self.live.model)):
            raise ValueError(f"no shelf of the live model is recorded from {since} to before {until}")
        return found

    def _shelves(self, since: date, until: date) -> Shelves:
        return read_shelves(self.folder, since, until, EVIDENCE)


def _missing(folder: Path, around: ComparisonDays) -> int:
    """Offsets in holes that touch the days before or after."""
    spans = [(since.isoformat(), until.isoformat()) for since, until in (around.before, around.after)]
    return sum(
        each.records
        for each in find_gaps(folder)
        if any(each.since < until and each.until >= since for since, until in spans)
    )


def _change(before: float | None, after: float | None) -> Change | None:
    return None if before is None or after is None else Change(before=before, after=after)


def _measure(alarm: Reading | None) -> str:
    """What earlier years are asked for: what the alarm is of, where that is observed."""
    return alarm.measure if alarm is not None and alarm.source == "observed" else DCG
