"""A batch on its way to the disk: read ▸ letters ▸ forget ▸ stage ▸ seal ▸ place; the commit after it is another's.

Reading is begun in threads while the batch still grows; the rest is in a thread of its own, so that the next batch is
consumed and read meanwhile.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
import structlog
from confluent_kafka import Message

from streams.keyed_hash import HashKey
from streams.skipped_records import NONE, Skips
from workers.interactions import erasure_list as forgetting
from workers.interactions import staging
from workers.interactions.layout import file_name
from workers.interactions.locks import DAYS, hold_lock
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import NewFile, Staging
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.parties import Party, sender_of
from workers.process.retry import BackOff, Stopped, is_unavailable, retry_until_stopped
from workers.recorder import metrics
from workers.recorder.batch import Batch
from workers.recorder.dead_letters import DeadLetterProducer, RejectedRecord
from workers.recorder.parsed_chunk import ParsedChunk, parse_chunk
from workers.recorder.time_bounds import near_now

REQUEST_RETENTION_DAYS = 92
"""So long the topic may bring back a record that is read again: 90 days and what is left of its segment."""
_READERS = 2  # threads
_AS_FAR_BACK = 400  # records; the limit on letters looks at no more
_DAY = 86_400_000_000  # microseconds
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BACK_OFF = BackOff(first=0.5, longest=10.0)  # seconds

ReadKey = Callable[[], HashKey]
_log = structlog.get_logger(__name__)


class Writer:
    """Writes batches of one topic; for one thread, but for `away` and `parse_chunk`."""

    def __init__(
        self,
        staging: Staging,
        topic: str,
        letters: DeadLetterProducer,
        limit: DeadLetterLimit,
        read_key: ReadKey,
        skips: Skips = NONE,
    ) -> None:
        self._staging, self._topic, self._letters = staging, topic, letters
        self._limit, self._read_key, self._skips = limit, read_key, skips
        self._pool = ThreadPoolExecutor(_READERS, "record-read")
        self.unavailable: str | None = None
        """What it waits for, in words; None while it does not."""

    def parse(self, messages: Sequence[Message]) -> Future[ParsedChunk]:
        """Begin to read records of one partition; from any thread. What it raises, `write` raises."""
        return self._pool.submit(parse_chunk, messages, self._skips)

    def write(self, batch: Batch, abandoned: threading.Event) -> bool:
        """Put a batch in place; False where it was abandoned before it was sealed: then nothing has happened.

        What is away or full is waited for. Raises Broken over the limit on letters, OSError where the disk fails.
        """
        with _timed("read"):
            table, bad = self._read(batch)

        def attempt() -> bool:
            with _timed("letters"):
                self._letters.send(bad, abandoned)
            return self._land(batch, table, abandoned)

        if abandoned.is_set():
            return False
        try:
            landed = retry_until_stopped(
                attempt,
                abandoned,
                lambda failed: self._say_away(str(failed.error)),
                retryable=_is_temporary,
                back_off=_BACK_OFF,
            )
        except Stopped:
            return False
        if landed:
            self._letters.count(bad)
            self._say_away(None)
        return landed

    def close(self) -> None:
        """Take the staging folder away."""
        self._pool.shutdown(cancel_futures=True)
        self._letters.close()
        self._staging.close()

    def _read(self, batch: Batch) -> tuple[Any, list[RejectedRecord]]:
        """The rows of a batch as `COLUMNS`, by partition in order, and what can't be read.

        Raises Broken where so much can't be read that something of ours is likelier to be wrong.
        """
        pieces = [piece.result() for part in batch.parts.values() for piece in part.chunks]
        bad = list[RejectedRecord]()
        for piece in pieces:
            before = -1
            for number, letter in piece.bad.items():
                self._good(number - before - 1)
                self._limit.bad(letter[1].reason, letter[1].error, Party(sender_of(letter[0], "user")))
                bad.append(letter)
                before = number
            self._good(piece.records - before - 1)
        return pa.concat_tables([piece.rows for piece in pieces]), bad

    def _good(self, count: int) -> None:
        for _ in range(min(count, _AS_FAR_BACK)):
            self._limit.good("read")

    def _land(self, batch: Batch, table: Any, abandoned: threading.Event) -> bool:
        """Under a lock against which what is newly forgotten, and exchanged folders, wait."""
        folder = self._staging.folder
        with hold_lock(folder, DAYS, shared=True):
            now = datetime.now(UTC)
            applied = forgetting.apply_erasures(table, forgetting.read_erasures(folder, self._read_key, now.date()))
            with _timed("write"):
                files = list(_files(self._topic, batch, applied.rows))
                staged = staging.stage(self._staging, files)
            # Before the seal: what points to these shelves may come in any later batch, of any recorder.
            forgetting.record_erased_requests(
                folder, applied.requests, (now + timedelta(days=REQUEST_RETENTION_DAYS)).date()
            )
            if abandoned.is_set():
                return False
            with _timed("place"):
                staging.publish(folder, staging.commit(self._staging, staged))
        metrics.ERASED.inc(applied.removed)
        metrics.FILES.inc(len(files))
        metrics.BATCH_RECORDS.observe(batch.records)
        for each in pc.value_counts(applied.rows.column("event")).to_pylist():
            metrics.RECORDED.labels(each["values"]).inc(each["counts"])
        oldest = min(part.first_timestamp for part in batch.parts.values())
        metrics.AGE_SECONDS.observe(max(0.0, now.timestamp() - oldest / 1_000))
        _log.info("recorded", records=applied.rows.num_rows, files=len(files), forgotten=applied.removed)
        return True

    def _say_away(self, why: str | None) -> None:
        if why is not None and self.unavailable is None:
            _log.warning("waiting", error=why)
        elif why is None and self.unavailable is not None:
            _log.info("back")
        self.unavailable = why


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    metrics.STAGE_SECONDS.labels(stage).observe(time.perf_counter() - began)


def _is_temporary(error: BaseException) -> bool:
    """Whether the error ends by itself: Kafka is unavailable, or the disk is full."""
    return is_unavailable(error) or (isinstance(error, OSError) and error.errno in _FULL)


def _files(topic: str, batch: Batch, rows: Any) -> Iterator[NewFile]:
    """A file for each partition and day; one without rows for a partition of which nothing is left."""
    partition = np.asarray(rows.column("partition").to_numpy())
    day = np.asarray(rows.column("at").cast(pa.int64()).to_numpy()) // _DAY
    for number, part in batch.parts.items():
        name = file_name(topic, number, part.first, part.end - 1)
        theirs = np.flatnonzero(partition == number)
        if not theirs.size:
            # Its range is done all the same; the day is that of its last record, or today if that can't be.
            now = time.time_ns() // 1_000_000
            ended = part.last_timestamp if near_now(np.asarray(part.last_timestamp), now) else now
            yield NewFile(_name_of(ended * 1_000 // _DAY), name, COLUMNS.empty_table())
            continue
        found = rows.slice(theirs[0], theirs.size)  # a partition's rows follow one another
        for each, of_day in _by_day(found, day[theirs]):
            yield NewFile(_name_of(each), name, of_day)


def _by_day(rows: Any, days: npt.NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """The rows of each day; without a copy where days follow one another, as they mostly do."""
    found, starts = np.unique(days, return_index=True)
    if np.all(np.diff(days) >= 0):
        for day, start, end in zip(found, starts, [*starts[1:], len(days)], strict=True):
            yield int(day), rows.slice(start, end - start)
    else:
        for day in found:
            yield int(day), rows.filter(pa.array(days == day))


def _name_of(day: int) -> str:
    return str(np.datetime64(day, "D"))
