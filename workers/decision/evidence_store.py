"""Evidence, written once: what the users of a day showed, kept from the moment the day's last window closed.

A closed day never changes. Figures may be restated later (a late record, a cancelled purchase, an erasure); a test that
may be looked at every day is valid only where what has been looked at stays as it was. So a second write of a day is
let go of without a word.

A unit carries no identity: which user it is of is needed only to make one unit of all that a user did on a day, and
that is over before the day is written. So the erasure of a user finds nothing here; values that were used stay, and
nobody can tell whose they were.
"""

import contextlib
import fcntl
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from streams.errors import Broken, LookalikeError
from streams.local_files import local_file
from workers.decision.retrain_policy import EVIDENCE_FILE
from workers.decision.signals import Source

Floats = NDArray[np.float64]

WAIT_SECONDS = 60.0
"""Longer than a look takes, Kafka's answers included."""


@dataclass(frozen=True)
class Day:
    """The units of one closed day, for one live model (and anchor): n units × measures, in an order that says nothing.

    `codes` [n] names each unit's stratum (a category on a surface) in `strata`; nan is a measure that a unit has not.
    """

    source: Source
    model: str
    anchor: str
    day: date
    measures: tuple[str, ...]
    strata: tuple[str, ...]
    codes: NDArray[np.int32]
    values: Floats

    def of(self, measure: str) -> Floats:
        """A measure's values [n]; raises ValueError for one that was not taken."""
        found: Floats = self.values[:, self.measures.index(measure)]
        return found


def sorted_day(day: Day) -> Day:
    """The same day with its strata and units sorted: what order they came in, and so whose they are, is gone."""
    names, back = np.unique(np.array(day.strata, dtype=str), return_inverse=True)
    codes = back.astype(np.int32)[day.codes] if len(day.codes) else day.codes
    order = np.lexsort((*day.values.T[::-1], codes))
    return Day(
        day.source,
        day.model,
        day.anchor,
        day.day,
        day.measures,
        tuple(str(name) for name in names),
        np.ascontiguousarray(codes[order], dtype=np.int32),
        np.ascontiguousarray(day.values[order]),
    )


_REMEDY = (
    "restore it from a backup, or move it away: days are closed again from what is recorded, decisions are read from "
    "the log"
)
_TABLES = """
create table if not exists day (
    source text, model text, anchor text, day text, measures text, strata text, codes blob, vals blob, closed_at text,
    digest text, primary key (source, model, anchor, day)
) without rowid;
create table if not exists decision (
    number integer primary key, decision_id text unique, record text, made_at text, published_at text
);
create table if not exists note (name text primary key, value text) without rowid;
"""
_COLUMNS = "source, model, anchor, day, measures, strata, codes, vals, digest"


class Store:
    """Closed days, decisions and what was last found, in one SQLite file; each write is on the disk when it returns.

    Raises UsageError for a damaged file, LookalikeError for one that can't be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / EVIDENCE_FILE
        with local_file(self._path, _REMEDY):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self._path, isolation_level=None, timeout=30.0)
            # Extra: a commit that returned survives a power cut. No write-ahead log: to turn a new file to one, SQLite
            # refuses everybody who opens it at that moment, whatever their timeout.
            self._file.executescript(f"pragma synchronous = extra; {_TABLES}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if isinstance(error, sqlite3.DatabaseError):
            with local_file(self._path, _REMEDY):
                raise error

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """One process at a time decides; the lock goes with the process that holds it.

        Raises LookalikeError where another one has not ended within `WAIT_SECONDS`.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        with local_file(self._folder / "lock", "remove it"):
            file = (self._folder / "lock").open("w")
        with file as lock:
            while not _taken(lock):
                if time.monotonic() > deadline:
                    raise LookalikeError(f"another process is deciding in {self._folder}; try again when it has ended")
                time.sleep(0.05)
            yield

    def close_day(self, day: Day, now: datetime) -> bool:
        """Write a day whose windows have closed; False where it was written before, and nothing is changed."""
        own = sorted_day(day)
        codes, values = own.codes.tobytes(), own.values.tobytes()
        row = (
            own.source,
            own.model,
            own.anchor,
            own.day.isoformat(),
            json.dumps(own.measures),
            json.dumps(own.strata),
            codes,
            values,
            now.astimezone(UTC).isoformat(),
            _digest(own.strata, codes, values),
        )
        return self._file.execute(f"insert or ignore into day values ({', '.join('?' * 10)})", row).rowcount == 1  # noqa: S608

    def days(self, source: Source, model: str) -> list[Day]:
        """The closed days of a model, oldest first. Raises Broken where a day is not as it was written."""
        rows = self._file.execute(
            f"select {_COLUMNS} from day where source = ? and model = ? order by day, anchor",  # noqa: S608
            (source, model),
        )
        return [_day(row) for row in rows]

    def closed_days(self, source: Source, model: str) -> list[date]:
        """The dates of a model's closed days, oldest first; without their evidence."""
        sql = "select distinct day from day where source = ? and model = ? order by day"
        return [date.fromisoformat(row[0]) for row in self._file.execute(sql, (source, model))]

    def days_within(self, source: Source, since: date, until: date) -> list[Day]:
        """The closed days [since, until) of all models, oldest first. Raises as `days` does."""
        rows = self._file.execute(
            f"select {_COLUMNS} from day where source = ? and day >= ? and day < ? order by day, model, anchor",  # noqa: S608
            (source, since.isoformat(), until.isoformat()),
        )
        return [_day(row) for row in rows]

    def last_day(self) -> date | None:
        """The last day that was closed, of any model and source."""
        found = self._file.execute("select max(day) from day").fetchone()[0]
        return None if found is None else date.fromisoformat(found)

    def write_step(self, notes: Mapping[str, str], decision: tuple[str, str] | None, now: datetime) -> None:
        """Keep what a look came to, and its decision (id, record) where there is one: all of it or nothing.

        A decision whose id is known stays as it was written first.
        """
        self._file.execute("begin immediate")
        with self._file:
            self._file.executemany("insert or replace into note values (?, ?)", list(notes.items()))
            if decision is not None:
                sql = "insert or ignore into decision (decision_id, record, made_at) values (?, ?, ?)"
                self._file.execute(sql, (*decision, now.astimezone(UTC).isoformat()))

    def mark_published(self, decision_id: str, now: datetime) -> None:
        """Note that the log has it."""
        sql = "update decision set published_at = ? where decision_id = ? and published_at is null"
        self._file.execute(sql, (now.astimezone(UTC).isoformat(), decision_id))

    def drop_decision(self, decision_id: str) -> None:
        """Forget a decision that the log can't have."""
        self._file.execute("delete from decision where decision_id = ? and published_at is null", (decision_id,))

    def decisions(self, *, unpublished: bool = False) -> list[str]:
        """The records of all decisions, or of those that the log may lack, oldest first."""
        where = "where published_at is null" if unpublished else ""
        rows = self._file.execute(f"select record from decision {where} order by number")  # noqa: S608
        return [str(row[0]) for row in rows]

    def note(self, name: str) -> str | None:
        """What was noted last under this name."""
        row = self._file.execute("select value from note where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digest(strata: tuple[str, ...], codes: bytes, values: bytes) -> str:
    return hashlib.sha256(json.dumps(strata).encode() + b"\0" + codes + values).hexdigest()


def _day(row: tuple[Any, ...]) -> Day:
    source, model, anchor, day, measures, strata, codes, values, digest = row
    names = tuple(json.loads(strata))
    if _digest(names, codes, values) != digest:
        raise Broken(f"the evidence of {source} {model} {day} is not as it was written; restore evidence.sqlite")
    columns = tuple(json.loads(measures))
    array = np.frombuffer(values, np.float64).reshape(-1, len(columns))
    return Day(source, model, anchor, date.fromisoformat(day), columns, names, np.frombuffer(codes, np.int32), array)
