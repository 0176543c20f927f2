"""A publisher whose client sends any bytes as a header's name, as clients in Go, C and Rust do; a process of its own.

`python raw_producer.py BROKERS` reads one record a line as JSON: {topic, partition, key, value, headers: [[name,
value], …], timestamp}, all bytes in hexadecimal digits or null; it prints the offset of each.
"""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.source import Source, record_time
from streams.settings import Settings


@dataclass(frozen=True)
class Raw:
    """A record as bytes."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    timestamp: int | None = None
    partition: int = 0


BAD_NAME = b"tr\xff"
BAD = (BAD_NAME, b"1")
"""A header that neither aiokafka nor librdkafka's Python client can read."""


def send_raw(settings: Settings, records: list[Raw]) -> list[Source]:
    """Publish records; returns where each lies (the timestamp is known only if it was given)."""
    lines = [
        json.dumps(
            {
                "topic": settings.named(each.topic),
                "partition": each.partition,
                "timestamp": each.timestamp,
                "key": _hex(each.key),
                "value": _hex(each.value),
                "headers": [[_hex(name), _hex(value)] for name, value in each.headers],
            }
        )
        for each in records
    ]
    ended = subprocess.run(
        [sys.executable, str(Path(__file__)), settings.kafka],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr
    return [
        Source(
            topic=settings.named(each.topic),
            partition=each.partition,
            offset=int(offset),
            timestamp=record_time(each.timestamp or 0),
        )
        for each, offset in zip(records, ended.stdout.split(), strict=True)
    ]


def _hex(raw: bytes | None) -> str | None:
    return None if raw is None else raw.hex()


async def _main(brokers: str) -> None:
    from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

    class Name(str):
        """aiokafka's plain builder asks a name to encode itself."""

        __slots__ = ("raw",)
        raw: bytes

        def encode(self, *_: Any, **__: Any) -> bytes:
            return self.raw

    def name(raw: str) -> Name:
        made = Name("x")
        made.raw = bytes.fromhex(raw)
        return made

    def raw(text: str | None) -> bytes | None:
        return None if text is None else bytes.fromhex(text)

    producer = AIOKafkaProducer(bootstrap_servers=brokers, max_request_size=8_000_000)
    await producer.start()
    try:
        for line in sys.stdin:
            record = json.loads(line)
            headers = [(name(each), raw(value)) for each, value in record["headers"]]
            sent = await producer.send_and_wait(
                record["topic"],
                raw(record["value"]),
                key=raw(record["key"]),
                partition=record["partition"],
                timestamp_ms=record["timestamp"],
                headers=headers,
            )
            sys.stdout.write(f"{sent.offset}\n")
    finally:
        await producer.stop()


if __name__ == "__main__":
    os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"
    asyncio.run(_main(sys.argv[1]))
