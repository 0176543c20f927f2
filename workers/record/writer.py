"""A batch on its way to the disk: parse ▸ letters ▸ forget ▸ stage ▸ seal ▸ place; the commit after it is another's.

In a thread of its own, so that the next batch is read meanwhile.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
import structlog

from streams.failures import SlowDown
from streams.hash_key import HashKey
from streams.read import record_of
from workers.index.letter_limit import LetterLimit
from workers.record import forgotten as forgetting
from workers.record import landing, metrics
from workers.record.batch import Batch
from workers.record.columns import COLUMNS, INSTANT
from workers.record.files import file_name
from workers.record.landing import NewFile, Staging
from workers.record.letters import Bad, Letters
from workers.record.locks import DAYS, holding
from workers.record.parse import Parsed, parse

KEPT_DAYS = 92
"""So long the topic may bring back a record that is read again: 90 days and what is left of its segment."""
_PARSERS = 2  # threads
_AS_FAR_BACK = 400  # records; the limit on letters looks at no more
_DAY = 86_400_000_000  # microseconds
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds

ReadKey = Callable[[], HashKey]
_log = structlog.get_logger(__name__)


class Writer:
    """Writes batches of one topic; for one thread, but for `away`."""

    def __init__(self, staging: Staging, topic: str, letters: Letters, limit: LetterLimit, read_key: ReadKey) -> None:
        self._staging, self._topic, self._letters, self._limit, self._read_key = (
            staging,
            topic,
            letters,
            limit,
            read_key,
        )
        self._pool = ThreadPoolExecutor(_PARSERS, "record-parse")
        self.away: str | None = None
        """What it waits for, in words; None while it does not."""

    def write(self, batch: Batch, abandoned: threading.Event) -> bool:
        """Put a batch in place; False where it was abandoned before it was sealed: then nothing has happened.

        What is away or full is waited for. Raises Broken over the limit on letters, OSError where the disk fails.
        """
        with _timed("parse"):
            table, bad = self._read(batch)
        wait = _FIRST_WAIT
        while not abandoned.is_set():
            try:
                with _timed("letters"):
                    self._letters.send(bad, abandoned)
                if not self._land(batch, table, abandoned):
                    return False
            except (SlowDown, OSError) as error:
                if isinstance(error, OSError) and error.errno not in _FULL:
                    raise
                self._say_away(str(error))
                abandoned.wait(wait)
                wait = min(_LONGEST_WAIT, 2 * wait)
            else:
                self._letters.count(bad)
                self._say_away(None)
                return True
        return False

    def close(self) -> None:
        """Take the staging folder away."""
        self._pool.shutdown()
        self._letters.close()
        self._staging.close()

    def _read(self, batch: Batch) -> tuple[Any, list[Bad]]:
        """The rows of a batch as `COLUMNS`, by partition in order, and what can't be read.

        Raises Broken where so much can't be read that something of ours is likelier to be wrong.
        """
        messages = [each for part in batch.messages.values() for each in part]
        parsed = parse([message.value() for message in messages], self._pool.map)
        before = -1
        for number, why in parsed.bad.items():
            for _ in range(min(number - before - 1, _AS_FAR_BACK)):
                self._limit.good("read")
            self._limit.letter(why.reason, why.error)
            before = number
        for _ in range(min(len(messages) - before - 1, _AS_FAR_BACK)):
            self._limit.good("read")
        return _with_places(parsed, messages), [(record_of(messages[each]), why) for each, why in parsed.bad.items()]

    def _land(self, batch: Batch, table: Any, abandoned: threading.Event) -> bool:
        """Under a lock against which what is newly forgotten, and exchanged folders, wait."""
        folder = self._staging.folder
        with holding(folder, DAYS, shared=True):
            now = datetime.now(UTC)
            applied = forgetting.apply(table, forgetting.read_forgotten(folder, self._read_key, now.date()))
            with _timed("write"):
                files = list(_files(self._topic, batch, applied.rows))
                staged = landing.stage(self._staging, files)
            # Before the seal: what points to these shelves may come in any later batch, of any recorder.
            forgetting.remember_requests(folder, applied.requests, (now + timedelta(days=KEPT_DAYS)).date())
            if abandoned.is_set():
                return False
            with _timed("place"):
                landing.place(folder, landing.seal(self._staging, staged))
        metrics.FORGOTTEN.inc(applied.removed)
        metrics.FILES.inc(len(files))
        metrics.BATCH_RECORDS.observe(batch.records)
        for each in pc.value_counts(applied.rows.column("event")).to_pylist():
            metrics.RECORDED.labels(each["values"]).inc(each["counts"])
        oldest = min(part[0].timestamp()[1] for part in batch.messages.values())
        metrics.AGE_SECONDS.observe(max(0.0, now.timestamp() - oldest / 1_000))
        _log.info("recorded", records=applied.rows.num_rows, files=len(files), forgotten=applied.removed)
        return True

    def _say_away(self, why: str | None) -> None:
        if why is not None and self.away is None:
            _log.warning("waiting", error=why)
        elif why is None and self.away is not None:
            _log.info("back")
        self.away = why


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    metrics.STAGE_SECONDS.labels(stage).observe(time.perf_counter() - began)


def _with_places(parsed: Parsed, messages: list[Any]) -> Any:
    """Rows with what Kafka says of their records."""
    good = [messages[number] for number in parsed.numbers.tolist()]
    recorded = np.fromiter((each.timestamp()[1] for each in good), np.int64, len(good)) * 1_000
    places = {
        "recorded_at": pa.array(recorded).cast(INSTANT),
        "partition": pa.array(np.fromiter((each.partition() for each in good), np.int32, len(good))),
        "offset": pa.array(np.fromiter((each.offset() for each in good), np.int64, len(good))),
    }
    rows = parsed.rows
    return pa.table(
        [places.get(name, rows.column(name) if name in rows.column_names else None) for name in COLUMNS.names],
        schema=COLUMNS,
    )


def _files(topic: str, batch: Batch, rows: Any) -> Iterator[NewFile]:
    """A file for each partition and day; one without rows for a partition of which nothing is left."""
    ends = batch.ends()
    partition = np.asarray(rows.column("partition").to_numpy())
    day = np.asarray(rows.column("at").cast(pa.int64()).to_numpy()) // _DAY
    for number, messages in batch.messages.items():
        name = file_name(topic, number, batch.first[number], ends[number] - 1)
        theirs = np.flatnonzero(partition == number)
        if not theirs.size:
            # Its range is done all the same; the day is that of its last record.
            last = messages[-1].timestamp()[1] * 1_000 // _DAY
            yield NewFile(_name_of(last), name, COLUMNS.empty_table())
            continue
        part = rows.slice(theirs[0], theirs.size)  # a partition's rows follow one another
        of_part = day[theirs]
        for each in np.unique(of_part):
            whole = bool(np.all(of_part == each))
            yield NewFile(_name_of(int(each)), name, part if whole else part.filter(pa.array(of_part == each)))


def _name_of(day: int) -> str:
    return str(np.datetime64(day, "D"))
