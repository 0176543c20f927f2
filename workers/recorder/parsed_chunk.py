"""Records of one partition become rows of the table with their places in Kafka, in a thread beside the consumer.

The records themselves are let go at once, but for bad ones: rows take a quarter of their memory.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import methodcaller

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
from confluent_kafka import Message

from streams.errors import BadMessage, Broken
from streams.skipped_records import NONE, Skips, skipped
from streams.topic_reader import record_of
from workers.interactions.schema import COLUMNS, INSTANT
from workers.recorder.dead_letters import RejectedRecord
from workers.recorder.parse import Parsed, parse
from workers.recorder.time_bounds import Numbers, near_now, out_of_bounds

TIME_OUT_OF_BOUNDS = "time-out-of-bounds"
_MANY = 100  # records

_value, _offset, _timestamp = methodcaller("value"), methodcaller("offset"), methodcaller("timestamp")


@dataclass(frozen=True)
class ParsedChunk:
    """What records of one partition say, in their order."""

    records: int
    rows: pa.Table
    """As `COLUMNS`."""
    bad: dict[int, RejectedRecord]
    """By number among the records, what can't be read, rising."""


def parse_chunk(messages: Sequence[Message], skips: Skips = NONE) -> ParsedChunk:
    """Read records of one partition, but for `skips`. Raises Broken if this machine's clock can't be right."""
    count = len(messages)
    values = list(map(_value, messages))
    stepped_over = _stepped_over(messages, skips) if skips else ()
    for number in stepped_over:
        values[number] = None  # it may be what the parser stops at
    parsed = parse(values)
    for number in stepped_over:
        parsed.bad[number] = skipped()
    recorded = np.fromiter((at for _, at in map(_timestamp, messages)), np.int64, count)
    refused = out_of_bounds(
        np.asarray(parsed.rows.column("at").cast(pa.int64())), recorded[parsed.numbers], time.time_ns() // 1_000_000
    )
    bad = parsed.bad
    if refused:
        late = {int(parsed.numbers[row]): BadMessage(TIME_OUT_OF_BOUNDS, why) for row, why in refused.items()}
        _check_clock(recorded)
        bad = dict(sorted((bad | late).items()))
        kept = np.setdiff1d(np.arange(parsed.numbers.size), np.fromiter(refused, np.int64, len(refused)))
        parsed = Parsed(parsed.rows.take(pa.array(kept)), parsed.numbers[kept], bad)
    rows = _with_places(parsed, messages, recorded)
    return ParsedChunk(count, rows, {number: (record_of(messages[number]), why) for number, why in bad.items()})


def _stepped_over(messages: Sequence[Message], skips: Skips) -> list[int]:
    """The numbers of the records that `skips` names."""
    offsets = {
        offset
        for topic, partition, offset in skips
        if (topic, partition) == (messages[0].topic(), messages[0].partition())
    }
    return [number for number, message in enumerate(messages) if message.offset() in offsets] if offsets else []


def _check_clock(recorded: Numbers) -> None:
    """One record of a wrong time is its producer's fault; if all of many are, it is our clock."""
    now = time.time_ns() // 1_000_000
    if recorded.size >= _MANY and not near_now(recorded, now).any():
        raise Broken(
            f"{recorded.size} records in a row have times that are far from this machine's clock: put the clock right "
            "and start again; nothing is lost"
        )


def _with_places(parsed: Parsed, messages: Sequence[Message], recorded: Numbers) -> pa.Table:
    """Rows with what Kafka says of their records; `recorded` in milliseconds."""
    offsets = np.fromiter(map(_offset, messages), np.int64, len(messages))
    if parsed.bad:
        offsets, recorded = offsets[parsed.numbers], recorded[parsed.numbers]
    places = {
        "recorded_at": pa.array(recorded * 1_000).cast(INSTANT),
        "partition": pa.array(np.full(offsets.size, messages[0].partition(), np.int32)),
        "offset": pa.array(offsets),
    }
    rows = parsed.rows
    return pa.table([places[name] if name in places else rows.column(name) for name in COLUMNS.names], schema=COLUMNS)
