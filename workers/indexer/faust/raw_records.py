"""A patch of aiokafka for header names that are not UTF-8, which Kafka accepts from any client.

aiokafka's parsers (the C extension and the plain one) raise at such a name, in the middle of a fetched batch and at
each fetch of it again. So such a batch is parsed a second time, by the plain parser, with names as
`streams.record_headers` has them. Pinned to the installed version by tests/unit/indexer/test_raw_records.py.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher  # type: ignore[import-untyped]  # it ships no types
from aiokafka.record.default_records import _DefaultRecordBatchPy  # type: ignore[import-untyped]
from aiokafka.record.memory_records import MemoryRecords  # type: ignore[import-untyped]

_BEFORE_LENGTH, _LENGTH = 8, 4  # bytes: a batch begins with its first offset, then how long the rest is
_MAGIC, _MAGIC_AT = 2, 16  # the format since Kafka 0.11, the only one with headers


class Records:
    """The fetched bytes of a partition; the interface of aiokafka's `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._records = MemoryRecords(fetched)
        self._fetched, self._at = memoryview(fetched), 0

    def has_next(self) -> bool:
        """Whether there is a further batch."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """The size of all fetched batches."""
        return int(self._records.size_in_bytes())

    def next_batch(self) -> "Batch":
        """The next batch."""
        start, rest = self._at, self._at + _BEFORE_LENGTH + _LENGTH
        self._at = rest + int.from_bytes(self._fetched[start + _BEFORE_LENGTH : rest], "big")
        return Batch(self._records.next_batch(), self._fetched[start : self._at])


class Batch:
    """A batch of aiokafka's that goes on with the tolerant parser when that one raises."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # of a broker's own control record

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except Exception:  # the C extension and the plain parser raise different types at the same name
            if self._raw[_MAGIC_AT] != _MAGIC:
                raise
            yield from _tolerant(self._raw)[read:]


def _tolerant(raw: memoryview) -> list[Any]:
    """All records of a batch; raises aiokafka's own error if it is corrupt in any other way."""
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()
    batch._buffer = _Bytes(batch._buffer)
    return list(batch)


class _Bytes(bytearray):
    """Bytes that decode with `surrogateescape`: the plain parser decodes only the names of headers."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return found if isinstance(found, int) else _Bytes(found)

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "surrogateescape")


def install() -> None:
    """Make aiokafka's fetcher use `Records`: by replacing the name in its module, for there is no setting."""
    fetcher.MemoryRecords = Records
