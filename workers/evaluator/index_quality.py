"""How the index that answers stands: its recall, its newer listings and how far they lie from the earlier ones."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

import structlog

from streams.settings import Settings
from workers.decision.diagnostics import drift
from workers.decision.signals import Change

_FRESH_SECONDS = 60.0
"""A backlog closes a day each second; the index is the same for all of them."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class IndexQuality:
    """What was measured; None is what could not be."""

    recall: Change | None = None
    """recall@10 when it was first measured of this collection, and now."""
    new_pairs: int | None = None
    drift: float | None = None


class IndexQualityMonitor:
    """Measures the collection behind the alias; what its recall was at first is remembered in memory and by `remember`.

    A recall that falls later than the first measurement is found; one that was low from the start is the operator's to
    see in `lookalike triggers`.
    """

    def __init__(self, settings: Settings, first: dict[str, float]) -> None:
        self._settings, self.first = settings, first
        self._last: tuple[float, date | None, IndexQuality] | None = None

    def __call__(self, since: date | None) -> IndexQuality:
        """The standing of now, or of a minute ago; empty, and said in the log, where Milvus does not answer."""
        now = time.monotonic()
        if self._last is None or self._last[1] != since or now - self._last[0] > _FRESH_SECONDS:
            self._last = (now, since, self._measured(since))
        return self._last[2]

    def _measured(self, since: date | None) -> IndexQuality:
        from workers.milvus.client import connect
        from workers.milvus.collection import live
        from workers.milvus.recall import count_since, recall, sample

        try:
            client = connect(self._settings)
            collections = live(client, self._settings)
            if collections is None:
                return IndexQuality()
            now = recall(client, collections, sample(client, collections))
            if since is None or now is None:
                return IndexQuality(self._change(collections.listings, now))
            begun = int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp() * 1e6)
            earlier, later = (sample(client, collections, f"listed_at {sign} {begun}") for sign in ("<", ">="))
            far = drift(earlier.vectors, later.vectors).distance if min(len(earlier.ids), len(later.ids)) > 1 else None
            pairs = count_since(client, collections, begun)
            return IndexQuality(self._change(collections.listings, now), pairs, far)
        except Exception as error:  # noqa: BLE001 - it stands beside the decision and must never keep it from being made
            _log.warning("index_not_measured", error=str(error) or repr(error))
            return IndexQuality()

    def _change(self, collection: str, now: float | None) -> Change | None:
        if now is None:
            return None
        return Change(before=self.first.setdefault(collection, now), after=now)
