"""Records of one partition become rows of the table with their places in Kafka, in a thread beside the consumer.

The records themselves are let go at once, but for bad ones: rows take a quarter of their memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import methodcaller

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
from confluent_kafka import Message

from streams.read import record_of
from workers.record.columns import COLUMNS, INSTANT
from workers.record.letters import Bad
from workers.record.parse import Parsed, parse

_value, _offset, _timestamp = methodcaller("value"), methodcaller("offset"), methodcaller("timestamp")


@dataclass(frozen=True)
class Piece:
    """What records of one partition say, in their order."""

    records: int
    rows: pa.Table
    """As `COLUMNS`."""
    bad: dict[int, Bad]
    """By number among the records, what can't be read, rising."""


def read(messages: Sequence[Message]) -> Piece:
    """Read records of one partition."""
    parsed = parse(list(map(_value, messages)))
    bad = {number: (record_of(messages[number]), why) for number, why in parsed.bad.items()}
    return Piece(len(messages), _with_places(parsed, messages), bad)


def _with_places(parsed: Parsed, messages: Sequence[Message]) -> pa.Table:
    """Rows with what Kafka says of their records."""
    count = len(messages)
    offsets = np.fromiter(map(_offset, messages), np.int64, count)
    recorded = np.fromiter((at for _, at in map(_timestamp, messages)), np.int64, count) * 1_000
    if parsed.bad:
        offsets, recorded = offsets[parsed.numbers], recorded[parsed.numbers]
    places = {
        "recorded_at": pa.array(recorded).cast(INSTANT),
        "partition": pa.array(np.full(offsets.size, messages[0].partition(), np.int32)),
        "offset": pa.array(offsets),
    }
    rows = parsed.rows
    return pa.table([places[name] if name in places else rows.column(name) for name in COLUMNS.names], schema=COLUMNS)
