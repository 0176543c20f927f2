"""Batches with header names that aiokafka can't decode, read by its C extension and by its plain parser."""

import sys
from typing import Any

import pytest
from aiokafka.consumer import fetcher  # type: ignore[import-untyped]
from aiokafka.errors import CorruptRecordException  # type: ignore[import-untyped]
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy, _DefaultRecordBatchPy  # type: ignore[import-untyped]
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

import workers.indexer.faust.transport  # noqa: F401 - it installs what is tested
from streams.record_headers import name_of
from workers.indexer.faust import raw_records

BAD = b"tr\xfface"
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


class Name(str):
    """A name that is written as any bytes: the plain builder asks it to encode itself."""

    __slots__ = ("raw",)
    raw: bytes

    def encode(self, *_: Any, **__: Any) -> bytes:
        return self.raw


def name(raw: bytes) -> Name:
    """A header's name of these bytes."""
    made = Name("x")
    made.raw = raw
    return made


def batch(headers: list[list[tuple[str, bytes | None]]], codec: int = 0, first: int = 10) -> bytes:
    """Records with these headers, as a broker sends them; the second of each batch was compacted away."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 10**9)
    for number, each in enumerate(headers):
        builder.append(number + (number > 0), 1_000 + number, b"k%d" % number, b"v" * number, each)
    built = bytearray(builder.build())
    built[:8] = first.to_bytes(8, "big")
    return bytes(built)


def read(fetched: bytes, offset: int = 0) -> list[Any]:
    """What aiokafka's fetcher makes of what it fetched, from an offset on."""
    records = fetcher.PartitionRecords(
        TopicPartition("t", 0), fetcher.MemoryRecords(fetched), [], offset, None, None, True, fetcher.READ_COMMITTED
    )
    return list(records)


@pytest.fixture(params=["C extension", "plain"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of aiokafka's parsers reads first."""
    if request.param == "plain":
        monkeypatch.setattr(raw_records, "MemoryRecords", _MemoryRecordsPy)
        memory = sys.modules["aiokafka.record.memory_records"]
        monkeypatch.setattr(memory, "DefaultRecordBatch", _DefaultRecordBatchPy)
    else:
        assert MemoryRecords is not _MemoryRecordsPy, "aiokafka is installed without its C extension"
    return str(request.param)


def test_the_transport_reads_with_it() -> None:
    """A version of aiokafka whose fetcher takes its parser from elsewhere must be noticed."""
    assert fetcher.MemoryRecords is raw_records.Records
    assert "MemoryRecords" in fetcher.Fetcher._proc_fetch_request.__code__.co_names


@pytest.mark.parametrize("codec", CODECS)
def test_every_record_comes_once(parser: str, codec: str) -> None:
    """Before, at and after the bad name, in one batch and in the next, with all that each of them has."""
    headers: list[list[tuple[str, bytes | None]]] = [
        [("good", b"1")],
        [("a", None), (name(BAD), b"\xff"), ("é", b""), ("a", b"2")],
        [],
        [(name(b"\xed\xa0\x80"), None)],
    ]
    fetched = batch(headers, CODECS[codec]) + batch([[("next", b"1")]], CODECS[codec], first=20)
    found = read(fetched)
    assert [each.offset for each in found] == [10, 12, 13, 14, 20]
    assert [each.key for each in found] == [b"k0", b"k1", b"k2", b"k3", b"k0"]
    assert [each.value for each in found[:4]] == [b"", b"v", b"vv", b"vvv"]
    assert [each.timestamp for each in found[:4]] == [1_000, 1_001, 1_002, 1_003]
    assert found[1].headers == (("a", None), (name_of(BAD), b"\xff"), ("é", b""), ("a", b"2"))
    assert found[3].headers == ((name_of(b"\xed\xa0\x80"), None),)
    assert [each.offset for each in read(fetched, offset=13)] == [13, 14, 20]


def test_a_batch_that_is_broken_otherwise_is_still_an_error(parser: str) -> None:
    """What is no matter of names was damaged on the way or on a disk; it is fetched again."""
    good = batch([[("good", b"1")]])
    with pytest.raises(CorruptRecordException):
        read(good[:-1] + bytes([good[-1] ^ 1]))
