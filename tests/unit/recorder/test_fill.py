"""Recording a hole again: its whole range is answered for, or what Kafka no longer has is said."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interactions import START, action
from streams.settings import Settings
from workers.interactions.gaps import find_gaps
from workers.interactions.layout import file_name, interactions_folder
from workers.interactions.progress import write_start_offset
from workers.interactions.scan import collect, scan
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file
from workers.recorder import backfill

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


@pytest.mark.parametrize(
    ("offsets", "start", "filled", "lost", "rows"),
    [
        (list(range(10, 20)), 0, 10, 0, 10),
        ([10, 11, 15], 0, 10, 0, 3),
        ([], 0, 10, 0, 0),
        (list(range(15, 20)), 15, 5, 5, 5),
        ([], 20, 0, 10, 0),
    ],
    ids=["whole", "markers", "markers alone", "half expired", "expired"],
)
def test_a_hole_is_filled(
    offsets: list[int], start: int, filled: int, lost: int, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markers at its end are answered for; what retention took stays a hole, and is called lost."""
    settings = Settings(data=tmp_path, kafka="127.0.0.1:1")
    folder, topic = interactions_folder(settings), settings.named("interactions")
    for first in (0, 20):
        write_file(folder / "day=2026-11-20" / file_name(topic, 0, first, first + 9), COLUMNS.empty_table())
    write_start_offset(folder, topic, 0, 0)
    answers = iter([{(topic, 0): start}, {(topic, 0): 40}])
    monkeypatch.setattr(backfill, "await_kafka", lambda _settings: None)
    monkeypatch.setattr(backfill, "partitions", lambda *_: [(topic, 0)])
    monkeypatch.setattr(backfill, "offsets", lambda *_: next(answers))
    messages: list[Any] = [Said(CLICK, each) for each in offsets]
    monkeypatch.setattr(backfill, "_read", lambda *_: [messages] if messages else [])
    [found] = backfill.fill_gaps(settings)
    assert (found.filled, found.lost) == (filled, lost)
    assert sorted(collect(lambda: scan(folder))["offset"]) == offsets[:rows]
    assert sum(each.records for each in find_gaps(folder)) == lost
