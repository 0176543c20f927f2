"""Which model is live: the one behind the alias, as recorded each round; what shelves were ranked by checks it.

Without such a record, or if no shelf is of the model behind the alias (a catalogue whose shelves come from elsewhere),
shelves alone say it: a model is live from the day on which it clearly has most of them until another one clearly has.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import structlog

from streams.settings import Settings
from workers.decision.evidence_store import Store
from workers.evaluator.diagnostics_guard import DiagnosticsGuard
from workers.interactions.scan import collect, scan

_LEAST = 100
"""Shelves of a day on which the majority says anything; the first minutes after midnight are too few."""
_CLEARLY = 0.6
"""Share of a day's shelves from which another model is taken to be live: in a test of two halves neither is."""
_SOME = 0.05
"""Share of the newest day's shelves that the model behind the alias has at least; else they come from elsewhere."""
_HISTORY = "alias"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LiveModel:
    """A model that is live; its name is empty where shelves do not say."""

    model: str
    since: date
    """The first day of those on which it had the most shelves."""
    replaced: str | None
    """The one that was live on the day before; None where it is the first that was recorded."""


@dataclass(frozen=True)
class AliasFact:
    """The alias pointed to this model's collection when it was looked at."""

    model: str
    since: datetime
    """When that was seen first."""


class AliasHistory:
    """What the alias pointed to, round by round, in the folder of the decision."""

    def __init__(self, settings: Settings, store: Store, ask: Callable[[Settings], str | None] | None = None) -> None:
        self._settings, self._store, self._ask = settings, store, ask or _behind_alias

    def look(self, now: datetime) -> list[AliasFact]:
        """Everything known, oldest first, with what is there now; if Milvus does not say it, without."""
        note = self._store.note(_HISTORY)
        facts = [AliasFact(each["model"], datetime.fromisoformat(each["since"])) for each in json.loads(note or "[]")]
        model = DiagnosticsGuard().measure("alias", lambda: self._ask(self._settings))
        if model is not None and (not facts or facts[-1].model != model):
            facts.append(AliasFact(model, now.astimezone(UTC)))
            written = json.dumps([{"model": each.model, "since": each.since.isoformat()} for each in facts])
            self._store.write_step({_HISTORY: written}, None, now)
        return facts


def _behind_alias(settings: Settings) -> str | None:
    from workers.milvus.client import connect
    from workers.milvus.collection import live

    found = live(connect(settings), settings)
    return None if found is None else found.model_id


def find_live_model(folder: Path, since: date, until: date, history: Sequence[AliasFact] = ()) -> LiveModel | None:
    """The live model of the newest of the days [since, until); None where they have no shelf."""
    table = collect(lambda: _counts(folder, since, until))
    by_day: dict[date, dict[str, int]] = {}
    for day, model, count in table.iter_rows():
        by_day.setdefault(day, {})[model] = count
    return recorded_model(by_day, history)


def recorded_model(by_day: dict[date, dict[str, int]], history: Sequence[AliasFact]) -> LiveModel | None:
    """The model behind the alias if shelves of the newest day are of it, else the one of most shelves."""
    by_shelves = majority_model(by_day)
    if by_shelves is None or not history:
        return by_shelves
    enough = [counts for _, counts in sorted(by_day.items()) if sum(counts.values()) >= _LEAST]
    newest = enough[-1] if enough else by_day[max(by_day)]
    current = history[-1]
    if newest.get(current.model, 0) < _SOME * sum(newest.values()):
        return by_shelves
    if current.model == by_shelves.model and len(history) == 1:
        return by_shelves
    if current.model != by_shelves.model:
        _log.info("live_model_not_most_shown", model=current.model, most_shown=by_shelves.model)
    if len(history) > 1:
        return LiveModel(current.model, current.since.date(), history[-2].model)
    return LiveModel(current.model, min(day for day, counts in by_day.items() if current.model in counts), None)


def majority_model(by_day: dict[date, dict[str, int]]) -> LiveModel | None:
    """The live model, from each day's number of shelves by model.

    >>> first, second, third = date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3)
    >>> majority_model({first: {"a": 900}, second: {"a": 300, "b": 600}, third: {"a": 1}})
    LiveModel(model='b', since=datetime.date(2026, 9, 2), replaced='a')
    """
    enough = {day: counts for day, counts in by_day.items() if sum(counts.values()) >= _LEAST} or by_day
    live: LiveModel | None = None
    for day, counts in sorted(enough.items()):
        most = max(counts, key=lambda name: (counts[name], name))
        if live is None:
            live = LiveModel(most, day, None)
        elif most != live.model and counts[most] >= _CLEARLY * sum(counts.values()):
            live = LiveModel(most, day, live.model)
    return live


def _counts(folder: Path, since: date, until: date) -> pl.LazyFrame:
    table = scan(folder, since, until, ("event", "at", "model")).filter(pl.col("event") == "shelf")
    return table.group_by(pl.col("at").dt.date().alias("day"), pl.col("model").fill_null("")).agg(pl.len())
