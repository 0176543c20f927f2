"""A batch on its way to the disk: waited for where the disk is full or Kafka away; all of it in place, or nothing."""

import errno
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
import pytest

from awaiting import eventually
from interactions import START, action, session
from streams.errors import Broken, SlowDown
from streams.keyed_hash import HashKey
from workers.interactions import staging
from workers.interactions.erasure_list import record_erasure
from workers.interactions.layout import STAGING, data_files
from workers.interactions.scan import collect, scan
from workers.interactions.staging import Staging
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.failure_policy import FailurePolicy
from workers.process.retry import BackOff
from workers.recorder.batch import Batch
from workers.recorder.parsed_chunk import ParsedChunk, parse_chunk
from workers.recorder.writer import Writer

CLICK = json.dumps(action("click", "r")).encode()


@dataclass
class Said:
    """A record as confluent-kafka hands it over."""

    raw: bytes | None
    number: int
    place: int = 0

    def value(self) -> bytes | None:
        return self.raw

    def offset(self) -> int:
        return self.number

    def partition(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return 1, int((START + timedelta(days=4)).timestamp() * 1_000)  # later than all that is said

    def topic(self) -> str:
        return "interactions"

    def key(self) -> bytes | None:
        return None

    def headers(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self.raw or b"")


class Box:
    """In place of the letters: refuses as often as it is told to."""

    def __init__(self) -> None:
        self.refusals, self.sent = 0, list[Any]()

    def send(self, bad: Sequence[Any], _abandoned: threading.Event) -> None:
        if bad and self.refusals:
            self.refusals -= 1
            raise SlowDown("Kafka: away")
        self.sent += bad

    def count(self, bad: Sequence[Any]) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.recorder.writer._BACK_OFF", BackOff(first=0.01))


@pytest.fixture
def box() -> Box:
    """The letters."""
    return Box()


@pytest.fixture
def writer(tmp_path: Path, box: Box) -> Iterator[Writer]:
    """A writer into a folder of its own."""
    letters: Any = box
    limit = DeadLetterLimit(FailurePolicy())
    made = Writer(Staging.create(tmp_path), "interactions", letters, limit, lambda: HashKey("k" * 16))
    yield made
    made.close()


def read_now(messages: Sequence[Any]) -> "Future[ParsedChunk]":
    """Reads at once."""
    done = Future[ParsedChunk]()
    done.set_result(parse_chunk(messages))
    return done


def batch(values: Sequence[dict[str, Any] | bytes], first: int = 0, partition: int = 0) -> Batch:
    """Records from an offset on."""
    raws = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in values]
    messages: Any = [Said(raw, first + number, partition) for number, raw in enumerate(raws)]
    made = Batch(read_now)
    made.add(partition, messages, first)
    made.finish()
    return made


def offsets(folder: Path) -> list[int]:
    """What is recorded."""
    return sorted(collect(lambda: scan(folder))["offset"].to_list())


def test_a_full_disk(writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it waits for, leaves nothing half written, and goes on when there is room."""
    real, states = staging.write_file, list[str | None]()

    def full(path: Path, rows: Any) -> None:
        states.append(writer.unavailable)
        real(path, rows)
        if len(states) < 3:
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(staging, "write_file", full)
    assert writer.write(batch(session("r")), threading.Event())
    assert offsets(tmp_path) == [0, 1, 2, 3]
    assert "no space left" in str(states[1])
    assert writer.unavailable is None
    assert [list(each.iterdir()) for each in (tmp_path / STAGING).iterdir()] == [[]]


def test_records_that_are_stepped_over() -> None:
    """They are dead letters whatever they hold, good or bad; those beside them, and elsewhere, are read as ever."""
    good = [json.dumps(each).encode() for each in session("r")]
    messages: Any = [Said(raw, 5 + number, 3) for number, raw in enumerate([*good, b"{", b"["])]
    skips = frozenset({("interactions", 3, 5), ("interactions", 3, 9), ("interactions", 2, 6), ("other", 3, 7)})
    piece = parse_chunk(messages, skips)
    assert piece.rows.column("offset").to_pylist() == [6, 7, 8]
    assert {number: (record.value, why.reason) for number, (record, why) in piece.bad.items()} == {
        0: (good[0], "skipped"),
        4: (b"{", "skipped"),
        5: (b"[", "deserialize"),
    }
    assert list(piece.bad) == sorted(piece.bad)


def test_another_failure_of_the_disk(writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the recorder; nothing is in place."""

    def failing(*_: Any) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(staging, "write_file", failing)
    with pytest.raises(OSError, match="input/output"):
        writer.write(batch(session("r")), threading.Event())
    assert offsets(tmp_path) == []


def test_letters_come_first(writer: Writer, box: Box, tmp_path: Path) -> None:
    """While a letter is not confirmed nothing is in place; the range of the file covers its record."""
    box.refusals = 2
    assert writer.write(batch([b"{", action("click", "r"), b"{"], first=7), threading.Event())
    assert [why.reason for _, why in box.sent] == ["deserialize"] * 2
    assert offsets(tmp_path) == [8]
    assert [(each.first, each.last) for each in data_files(tmp_path)] == [(7, 9)]


def test_abandoned(writer: Writer, box: Box, tmp_path: Path) -> None:
    """A batch whose partitions go away while it waits leaves nothing behind."""
    box.refusals = 1_000_000
    abandoned, told = threading.Event(), list[bool]()
    thread = threading.Thread(target=lambda: told.append(writer.write(batch([b"{"]), abandoned)), name="record-test")
    thread.start()
    eventually(lambda: writer.unavailable, "it waits", seconds=5)
    abandoned.set()
    thread.join(5)
    assert told == [False]
    assert list(data_files(tmp_path)) == []


def test_what_is_forgotten_while_it_waits(writer: Writer, box: Box, tmp_path: Path) -> None:
    """Each try looks anew: a user who is erased meanwhile is not recorded."""
    box.refusals = 1_000_000
    told = list[bool]()
    values: list[dict[str, Any] | bytes] = [*session("r", user="h1"), *session("s", user="h2"), b"{"]
    waiting = batch(values)
    thread = threading.Thread(target=lambda: told.append(writer.write(waiting, threading.Event())), name="record-test")
    thread.start()
    eventually(lambda: writer.unavailable, "it waits", seconds=5)
    record_erasure(tmp_path, "user", "h1", "k", datetime.now(UTC))
    box.refusals = 0
    thread.join(10)
    assert told == [True]
    assert offsets(tmp_path) == [4, 5, 6, 7]


def test_too_many_letters(writer: Writer, box: Box, tmp_path: Path) -> None:
    """The writer breaks before one is sent."""
    with pytest.raises(Broken, match="in a row"):
        writer.write(batch([b"{"] * 120), threading.Event())
    assert (box.sent, offsets(tmp_path)) == ([], [])


def test_letters_are_counted_across_pieces(writer: Writer, box: Box, tmp_path: Path) -> None:
    """A batch is read in pieces; that bad records follow one another is seen all the same, and order is kept."""
    made = Batch(writer.parse)
    for first in range(0, 12_000, 1_000):
        values = [b"{" if 4_950 <= first + number < 5_049 else CLICK for number in range(1_000)]
        messages: Any = [Said(raw, first + number) for number, raw in enumerate(values)]
        made.add(0, messages, 0)
    made.finish()
    assert writer.write(made, threading.Event())
    assert [record.source.offset for record, _ in box.sent] == list(range(4_950, 5_049))
    table = pq.read_table(next(iter(data_files(tmp_path))).path, partitioning=None)
    assert table["offset"].to_pylist() == [each for each in range(12_000) if not 4_950 <= each < 5_049]
    with pytest.raises(Broken, match="in a row"):
        writer.write(batch([b"{"] * 100, first=12_000), threading.Event())


def test_what_reading_raises(writer: Writer, tmp_path: Path) -> None:
    """It ends the recorder: no piece is left out."""
    failed = Future[ParsedChunk]()
    failed.set_exception(MemoryError("no room"))
    made = Batch(lambda _messages: failed)
    records: Any = [Said(CLICK, 0)]
    made.add(0, records, 0)
    made.finish()
    with pytest.raises(MemoryError, match="no room"):
        writer.write(made, threading.Event())
    assert list(data_files(tmp_path)) == []


def test_days_one_after_the_other(writer: Writer, tmp_path: Path) -> None:
    """Records of one day after those of another are in the file of their own day."""
    days = [0, 0, 1, 1, 1, 3]
    made = batch([action("click", "r", at=START + timedelta(days=each)) for each in days])
    assert writer.write(made, threading.Event())
    found = collect(lambda: scan(tmp_path)).sort("offset")
    assert [(at - START).days for at in found["at"].to_list()] == days
    assert sorted((each.day, each.first, each.last) for each in data_files(tmp_path)) == [
        ("2026-11-20", 0, 5),
        ("2026-11-21", 0, 5),
        ("2026-11-23", 0, 5),
    ]


def test_days_and_partitions(writer: Writer, tmp_path: Path) -> None:
    """A file for each partition and day, all of the batch's range; the range begins where the one before ended."""
    whole = batch([action("click", "r", at=START + timedelta(days=number % 2)) for number in range(4)], first=10)
    other: Any = [Said(json.dumps(action("like", "q")).encode(), 105, 1)]
    whole.add(1, other, 100)  # what lay between, a marker, belongs to it
    whole.finish()
    assert writer.write(whole, threading.Event())
    found = sorted((each.day, each.partition, each.first, each.last) for each in data_files(tmp_path))
    assert found == [("2026-11-20", 0, 10, 13), ("2026-11-20", 1, 100, 105), ("2026-11-21", 0, 10, 13)]
