"""The signs of a look: from the shelves themselves, from the broker, and from the index that answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from streams.settings import Settings
from workers.decide import shelf_signs
from workers.decide.causes import LIMITS
from workers.decide.evidence import Day, Store
from workers.decide.look import requests
from workers.decide.readings import Reading
from workers.decide.rules import Rules
from workers.decide.season import season
from workers.decide.signs import Change, Index, Recall, Recording, Signs
from workers.decide.units import DCG, EVIDENCE
from workers.evaluate.reading import read_shelves
from workers.evaluate.shelves import Shelves
from workers.evaluate.stats import of_model
from workers.watch.broker import Broker
from workers.watch.joins import joined_share
from workers.watch.live import Live
from workers.watch.spans import Spans, spans
from workers.watch.standing import Standing


@dataclass(frozen=True)
class Around:
    """Where a look takes its signs from; asked with the strongest alarm, it reads and asks anew."""

    settings: Settings
    folder: Path
    store: Store
    rules: Rules
    live: Live
    broker: Broker
    standing: Callable[[date | None], Standing]
    """What the index that answers shows, given the day since which the live model is live."""

    def __call__(self, alarm: Reading | None) -> Signs:
        """What can be known; what can't is None, which is not the same as nothing wrong."""
        live = self.live
        promoted = live.since if live.replaced is not None else None
        known = Signs(live=live.model, promoted=promoted)
        closed = [day.day for day in self.store.days("observed", live.model)]
        around = spans(closed, alarm, self.rules, LIMITS.release_days)
        if around is None:
            return known
        shown = self.standing(promoted or closed[0])
        before, after = self._shelves(*around.before), self._shelves(*around.after)
        sold = shelf_signs.sold(before, after).sold_shown
        return known.model_copy(
            update={
                "recording": self._recording(around, before, after),
                "index": Index(lag_seconds=self.broker.index_lag_seconds(), sold_shown=sold),
                "recall": Recall(recall=shown.recall, mixed=self._mixed(after)),
                "releases": shelf_signs.releases(of_model(before, live.model), self._since_turn(around)),
                "traffic": shelf_signs.traffic(of_model(before, live.model), of_model(after, live.model)),
                "season": season(self._as_good_as_ever, around.before, around.after, _measure(alarm)),
                "new_pairs": shown.new_pairs,
                "drift": shown.drift,
            }
        )

    def _recording(self, around: Spans, before: Shelves, after: Shelves) -> Recording:
        was, is_now = (joined_share(self.folder, *days) for days in (around.before, around.after))
        joined = None if was is None or is_now is None else Change(before=was, after=is_now)
        told = shelf_signs.recording(before, after, joined)
        since = datetime.combine(around.after[0], datetime.min.time(), UTC)
        unread, refused = self.broker.unread(), self.broker.refused_share(since)
        return told.model_copy(update={"unread": unread, "refused": refused})

    def _as_good_as_ever(self, since: date, until: date) -> list[Day]:
        """The observed days of all models, but for those on which one was found to be worse: no doing of the season."""
        worse = {each.model: each.since for each in requests(self.store) if each.trigger == "model" and each.since}
        days = self.store.days_within("observed", since, until)
        return [day for day in days if day.day < worse.get(day.model, date.max)]

    def _mixed(self, after: Shelves) -> float | None:
        """The share of shelves that were ranked by another model than the one that is live."""
        return 1 - len(of_model(after, self.live.model)) / len(after) if len(after) else None

    def _since_turn(self, around: Spans) -> Shelves:
        return of_model(self._shelves(around.turn, around.after[1]), self.live.model)

    def _shelves(self, since: date, until: date) -> Shelves:
        return read_shelves(self.folder, since, until, EVIDENCE)


def _measure(alarm: Reading | None) -> str:
    """What earlier years are asked for: what the alarm is of, where that is observed."""
    return alarm.measure if alarm is not None and alarm.source == "observed" else DCG
