"""All interactions read once: `python -m tests.benchmarks.record_loop bare|poll|record COUNT REPORT`."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer

from streams.clients import client_config
from streams.keyed_hash import read_hash_key
from streams.logging_setup import set_up_log
from streams.settings import Settings, read_settings
from streams.topics import INTERACTIONS
from workers.interactions.layout import interactions_folder
from workers.interactions.staging import Staging
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.failure_policy import FailurePolicy
from workers.recorder.dead_letters import DeadLetterProducer
from workers.recorder.lineage import RecordedLog
from workers.recorder.options import BatchLimits
from workers.recorder.partitions import OwnedPartitions
from workers.recorder.process_setup import configure_runtime
from workers.recorder.recorder import Recorder
from workers.recorder.writer import Writer


def bare(settings: Settings, count: int, *, one_by_one: bool = False) -> tuple[float, int]:
    """Seconds from the first to the last record, each only looked at; and the bytes of their values."""
    consumer = Consumer(
        client_config(
            settings,
            group_id=f"bare-{uuid4()}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_message_max_bytes=8_000_000,
            fetch_wait_max_ms=100,
            queued_max_messages_kbytes=131_072,
        )
    )
    consumer.subscribe([settings.named(INTERACTIONS)])
    seen, size, started = 0, 0, 0.0
    while seen < count:
        polled = [consumer.poll(0.2)] if one_by_one else consumer.consume(5_000, timeout=0.2)
        for message in polled:
            if message is not None and message.error() is None:
                started = started or time.perf_counter()
                seen, size = seen + 1, size + len(message.value() or b"")
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds, size


def record(settings: Settings, count: int) -> tuple[float, int]:
    """Seconds from the first record to the moment at which all are in files and committed; and the bytes of these."""
    configure_runtime()  # as the service does
    folder, topic = interactions_folder(settings), settings.named(INTERACTIONS)
    folder.mkdir(parents=True)
    staging, letters = Staging.create(folder), DeadLetterProducer(settings)
    writer = Writer(staging, topic, letters, DeadLetterLimit(FailurePolicy()), lambda: read_hash_key(settings))
    # An empty folder, and what the group did before is of no interest: from the start of the log.
    recorder = Recorder(
        settings,
        writer,
        OwnedPartitions(folder, topic, RecordedLog(settings, folder, topic), accept=True),
        BatchLimits(),
    )
    started = 0.0
    while not recorder.drained():
        recorder.step()
        started = started or (time.perf_counter() if recorder.in_flight else 0.0)
    recorder.finish_writing(10.0)
    seconds = time.perf_counter() - started
    recorder.close(10.0)
    import pyarrow.dataset as ds  # type: ignore[import-untyped]  # it ships no types

    rows = ds.dataset(folder, partitioning="hive", format="parquet").count_rows()
    if rows != count:
        raise SystemExit(f"{rows} of {count} records are in the files")
    return seconds, sum(path.stat().st_size for path in folder.glob("day=*/*"))


if __name__ == "__main__":
    how, number, report = sys.argv[1:]
    set_up_log("console", level=30)
    ways: dict[str, Callable[[Settings, int], tuple[float, int]]]
    ways = {"bare": bare, "poll": partial(bare, one_by_one=True), "record": record}
    spent, written = ways[how](read_settings(), int(number))
    Path(report).write_text(json.dumps({"records": int(number), "seconds": spent, "bytes": written}))
