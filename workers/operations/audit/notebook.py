"""What an audit has read, listing by listing, in a temporary file: memory stays flat however large the catalogue is.

A listing's events may lie on several partitions, and its row comes from elsewhere; sorted here, they come together.
"""

import heapq
import itertools
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from schemas.order import Order
from schemas.source import Source
from workers.operations.audit.oracle import Event, Listing, Stored

_TABLES = """
create table event (
    listing text, topic text, partition integer, offset integer, timestamp integer, version integer,
    status text, content blob, pending integer,
    primary key (listing, topic, partition, offset, timestamp, version)
) without rowid;
create table letter (topic text, partition integer, offset integer, primary key (topic, partition, offset))
    without rowid;
create table kept (
    listing text, what text, version integer, timestamp integer, topic text, partition integer, offset integer,
    shown blob, primary key (listing, what)
) without rowid;
"""
_UNREADABLE = -1  # as the version; that of an event is never negative
_ADD_EVENT = """insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict do update set pending = max(pending, excluded.pending)"""
_EVENTS = """select listing, topic, partition, offset, timestamp, version, status, content, pending,
    exists (select 1 from letter where (topic, partition, offset) = (event.topic, event.partition, event.offset))
    from event order by listing"""
_KEPT = "select listing, what, version, timestamp, topic, partition, offset, shown from kept order by listing"


class Notebook:
    """Events, letters and what is stored; used as `with Notes() as notes`, and gone after it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lookalike-audit-")
        self._file = sqlite3.connect(Path(self._folder.name) / "notes", isolation_level=None)
        # It is never read after a crash.
        cache = "pragma cache_size = -65536"  # kB
        self._file.executescript(f"pragma journal_mode = off; pragma synchronous = off; {cache}; {_TABLES}")
        self._file.execute("begin")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def add_events(self, events: Iterable[tuple[str, Event]]) -> None:
        """Events by listing; copies of one event count as one, pending where one of them is."""
        self._file.executemany(_ADD_EVENT, (_event_row(listing_id, event) for listing_id, event in events))

    def add_letters(self, sources: Iterable[Source]) -> None:
        """The first sources of dead letters."""
        rows = ((source.topic, source.partition, source.offset) for source in sources)
        self._file.executemany("insert or ignore into letter values (?, ?, ?)", rows)

    def add_stored(self, stored: Iterable[tuple[str, Stored]]) -> None:
        """What is stored of listings: rows and tombstones, together or one after the other."""
        rows = (row for listing_id, each in stored for row in _kept_rows(listing_id, each))
        self._file.executemany("insert or replace into kept values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def knows(self, source: Source) -> bool:
        """Whether an event stands at this place."""
        place = (source.topic, source.partition, source.offset)
        self._file.execute("create index if not exists place on event (topic, partition, offset)")
        found = self._file.execute("select 1 from event where (topic, partition, offset) = (?, ?, ?)", place)
        return found.fetchone() is not None

    def listings(self) -> Iterator[Listing]:
        """Every listing that has an event or is stored, by id."""
        rows = heapq.merge(self._file.execute(_EVENTS), self._file.execute(_KEPT), key=lambda row: str(row[0]))
        for listing_id, own in itertools.groupby(rows, key=lambda row: str(row[0])):
            yield _listing(listing_id, list(own))


def _event_row(listing_id: str, event: Event) -> tuple[Any, ...]:
    source, version = event.source, event.order.version if event.order else _UNREADABLE
    place = (source.topic, source.partition, source.offset, source.timestamp)
    return (listing_id, *place, version, event.status, event.content, event.pending)


def _kept_rows(listing_id: str, stored: Stored) -> Iterator[tuple[Any, ...]]:
    for what, kept in (("row", stored.row), ("tombstone", stored.tombstone)):
        if kept is not None:
            yield (listing_id, what, *kept[0], kept[1])


def _listing(listing_id: str, rows: list[tuple[Any, ...]]) -> Listing:
    events: list[Event] = []
    kept: dict[str, Any] = {}
    for row in rows:
        if len(row) == _KEPT_WIDTH:
            kept[row[1]] = (Order._make(row[2:7]), row[7])
        else:
            events.append(_event(row))
    return Listing(listing_id, events, Stored(kept.get("row"), kept.get("tombstone")))


_KEPT_WIDTH = 8


def _event(row: tuple[Any, ...]) -> Event:
    _, topic, partition, offset, timestamp, version, status, content, pending, lettered = row
    source = Source.model_construct(topic=topic, partition=partition, offset=offset, timestamp=timestamp)
    order = None if version == _UNREADABLE else Order.of(version, source)
    return Event(source, order, status, content, lettered=bool(lettered), pending=bool(pending))
