"""Holes are recorded again from Kafka, as far as it still has their records; what it let go of is lost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streams.clients import await_kafka, reader
from streams.errors import SlowDown
from streams.keyed_hash import read_hash_key
from streams.settings import Settings
from streams.topic_reader import offsets, partitions
from streams.topics import INTERACTIONS
from workers.interactions import staging
from workers.interactions.gaps import Gap, find_gaps
from workers.interactions.layout import file_name, interactions_folder
from workers.interactions.locks import DAYS, REWRITE, hold_lock
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import NewFile, Staging
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.failure_policy import FailurePolicy
from workers.recorder.batch import Batch
from workers.recorder.dead_letters import DeadLetterProducer
from workers.recorder.writer import Writer

_BATCH = 50_000  # records, some 50 MB
_NO_LIMIT = FailurePolicy(max_consecutive_dead_letters=0, max_dead_letter_ratio=0)
_STALL_SECONDS = 15.0


@dataclass(frozen=True)
class FilledGap:
    """What became of a hole, in offsets."""

    gap: Gap
    filled: int
    lost: int
    """Kafka no longer has them."""


def fill_gaps(settings: Settings) -> list[FilledGap]:
    """Record every hole again; safe beside recorders and readers, and to repeat.

    Records that can't be read are dead-lettered again. Killed on the way, whole batches are there and the rest is a
    smaller hole. Raises ServiceUnavailable if Kafka is away, SlowDown if it stops answering, OSError if the disk fails.
    """
    folder, client = interactions_folder(settings), await_kafka(settings)
    places = partitions(client, settings, [INTERACTIONS])
    starts, ends = (offsets(client, places, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
    found = list[FilledGap]()
    staging.recover(folder)
    with hold_lock(folder, REWRITE):
        for hole in find_gaps(folder):
            place = (hole.topic, hole.partition)
            first = max(hole.first, starts.get(place, hole.last + 1))
            if first <= hole.last < ends.get(place, 0):
                _record(settings, folder, hole, first)
                found.append(FilledGap(hole, hole.last + 1 - first, first - hole.first))
            else:
                found.append(FilledGap(hole, 0, hole.records))
    return found


def _record(settings: Settings, folder: Path, hole: Gap, first: int) -> None:
    pending = Staging.create(folder)
    writer = Writer(
        pending, hole.topic, DeadLetterProducer(settings), DeadLetterLimit(_NO_LIMIT), lambda: read_hash_key(settings)
    )
    try:
        batch = Batch(writer.parse)
        for messages in _read(settings, hole, first):
            batch.add(hole.partition, messages, first)
            first = batch.ends()[hole.partition]
            if batch.records >= _BATCH:
                _write(writer, batch)
                batch = Batch(writer.parse)
        if batch.records:
            batch.parts[hole.partition].end = hole.last + 1  # transaction markers at its end belong to it
            _write(writer, batch)
        elif first <= hole.last:
            name = file_name(hole.topic, hole.partition, first, hole.last)
            nothing = NewFile(hole.until, name, COLUMNS.empty_table())
            with hold_lock(folder, DAYS, shared=True):
                staging.publish(folder, staging.commit(pending, staging.stage(pending, [nothing])))
    finally:
        writer.close()


def _write(writer: Writer, batch: Batch) -> None:
    batch.finish()
    writer.write(batch, threading.Event())


def _read(settings: Settings, hole: Gap, first: int) -> Iterator[list[Message]]:
    """The committed records of a hole from `first` on, in order."""
    consumer = reader(settings, auto_offset_reset="error")
    consumer.assign([TopicPartition(hole.topic, hole.partition, first)])
    last = time.monotonic()
    try:
        while True:
            messages = consumer.consume(5_000, timeout=0.1)
            good = list[Message]()
            for message in messages:
                failure = message.error()
                if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
                if failure is None and (message.offset() or 0) <= hole.last:
                    good.append(message)
            if good:
                yield good
            if any((message.offset() or 0) >= hole.last for message in messages):
                return
            if messages:
                last = time.monotonic()
            elif time.monotonic() - last > _STALL_SECONDS:
                raise SlowDown(f"Kafka at {settings.kafka} sent nothing for {_STALL_SECONDS:.0f} s")
    finally:
        consumer.close()
