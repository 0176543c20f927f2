"""How the index that answers stands: its recall, its newer listings and how far they lie from the earlier ones."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import structlog

from streams.settings import Settings
from workers.decision.diagnostics import drift
from workers.decision.signals import Change
from workers.evaluator.diagnostics_guard import DiagnosticsGuard

if TYPE_CHECKING:
    from workers.milvus.collection import Collections

_FRESH_SECONDS = 60.0
"""A backlog closes a day each second; the index is the same for all of them."""
_NAMES = ("recall", "new_pairs", "drift")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class IndexQuality:
    """What was measured; None is what could not be."""

    recall: Change | None = None
    """recall@10 when it was first measured of this collection, and now."""
    new_pairs: int | None = None
    drift: float | None = None
    unknown: dict[str, str] = field(default_factory=dict)
    """Why each of the others is None, by its name."""


class IndexQualityMonitor:
    """Measures the collection behind the alias; what its recall was at first is remembered in memory and in `first`.

    A recall that falls later than the first measurement is found; one that was low from the start is the operator's to
    see in `lookalike triggers`.
    """

    def __init__(self, settings: Settings, first: dict[str, float]) -> None:
        self._settings, self.first = settings, first
        self._last: tuple[float, date | None, IndexQuality] | None = None

    def __call__(self, since: date | None) -> IndexQuality:
        """The quality of now, or of a minute ago; what can't be measured is None, with its reason, each by itself."""
        now = time.monotonic()
        if self._last is None or self._last[1] != since or now - self._last[0] > _FRESH_SECONDS:
            self._last = (now, since, self._measured(since))
        return self._last[2]

    def _measured(self, since: date | None) -> IndexQuality:
        guard = DiagnosticsGuard()
        found = guard.measure("recall", self._connected)
        if found is None:
            reason = guard.unknown.get("recall", "no collection is behind the alias yet")
            _log.warning("index_not_measured", error=reason)
            return IndexQuality(unknown=dict.fromkeys(_NAMES, reason))
        client, collections = found
        change = guard.measure("recall", lambda: self._recall(client, collections))
        pairs = guard.measure("new_pairs", lambda: _new_pairs(client, collections, since))
        far = guard.measure("drift", lambda: _drift(client, collections, since))
        return IndexQuality(change, pairs, far, guard.unknown)

    def _connected(self) -> tuple[Any, Collections] | None:
        from workers.milvus.client import connect
        from workers.milvus.collection import live

        client = connect(self._settings)
        collections = live(client, self._settings)
        return None if collections is None else (client, collections)

    def _recall(self, client: Any, collections: Collections) -> Change:
        from workers.milvus.recall import recall, sample

        now = recall(client, collections, sample(client, collections))
        if now is None:
            raise ValueError("the index is empty")
        return Change(before=self.first.setdefault(collections.listings, now), after=now)


def _new_pairs(client: Any, collections: Collections, since: date | None) -> int | None:
    from workers.milvus.recall import count_since

    return None if since is None else count_since(client, collections, _microseconds(since))


def _drift(client: Any, collections: Collections, since: date | None) -> float | None:
    from workers.milvus.recall import sample

    if since is None:
        return None
    signs = {"earlier": "<", "later": ">="}
    drawn = {
        name: sample(client, collections, f"listed_at {sign} {_microseconds(since)}") for name, sign in signs.items()
    }
    for name, each in drawn.items():
        if len(each.ids) < 2:
            raise ValueError(f"{len(each.ids)} listings in the index are {name} than {since}")
    return drift(drawn["earlier"].vectors, drawn["later"].vectors).distance


def _microseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
