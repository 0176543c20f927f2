"""A simulated market by the command line, on the real broker."""

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from awaiting import eventually
from catalogue import next_prefix
from program import command, document, failed, run
from streams.interactions import decode_interaction
from streams.listing_codec import Record, decode_listing
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import CREATED, INTERACTIONS, UPDATED, create
from workers.local.environment import child_environment

SMALL = ("--days", "3", "--shelves-per-day", "200", "--listings", "500")
COUNTED = {"shelf": "shelves", "seen": "seen", "click": "clicks", "like": "likes", "purchase": "purchases"}


@pytest.fixture
def shop(stack: Settings) -> Settings:
    """Topics of its own."""
    settings = stack.model_copy(update={"prefix": next_prefix()})
    create(settings)
    return settings


def _read(settings: Settings, *topics: str) -> list[Record]:
    return list(read_all(settings, *topics))


def test_three_days_are_published_and_a_second_run_changes_nothing(shop: Settings) -> None:
    """All that is told is there, readable, under its key; a second run writes the same bytes, a part of it a part."""
    told = document(run(shop, "simulate", "calm", *SMALL, "--json"))
    assert told["failed"] == 0
    records = _read(shop, INTERACTIONS)
    events = [decode_interaction(record) for record in records]
    assert all((record.key or b"").decode() == event.request_id for record, event in zip(records, events, strict=True))
    kinds = Counter(json.loads(record.value or b"")["event"] for record in records)
    assert all(kinds[name] == told[told_as] > 0 for name, told_as in COUNTED.items())
    created = {decode_listing(record).listing_id for record in _read(shop, CREATED)}
    gone = [decode_listing(record) for record in _read(shop, UPDATED)]
    assert len(created) == told["listings"]
    assert {event.listing_id for event in gone} <= created
    assert sum(event.status == "sold_out" for event in gone) == told["purchases"]
    assert told["published"] == len(records) + len(created) + len(gone)

    again = document(run(shop, "simulate", "calm", *SMALL, "--no-listings", "--skip-days", "1", "--json"))
    assert again["shelves"] == told["shelves"]
    assert again["published"] < len(records)
    twice = Counter(record.value for record in _read(shop, INTERACTIONS))
    assert set(twice) == {record.value for record in records}
    assert sum(twice.values()) == len(records) + again["published"]


def test_time_goes_by_as_fast_as_asked(shop: Settings) -> None:
    """A day in two seconds; interrupted, it says how far it came and ends with what it sent confirmed."""
    begun = time.monotonic()
    document(run(shop, "simulate", "calm", *SMALL, "--days", "1", "--speed", "43200", "--no-listings", "--json"))
    assert time.monotonic() - begun >= 2
    process = subprocess.Popen(
        command("simulate", "calm", *SMALL, "--speed", "100", "--seed", "2"),
        env=child_environment(shop),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: len(_read(shop, CREATED)) >= 500, "the first stock")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command starts again" in said
    assert "Traceback" not in said


def test_a_truth_without_kafka(shop: Settings, tmp_path: Path) -> None:
    """Nothing is published; the truth is in its file, or with the summary where both are wanted on stdout."""
    file = tmp_path / "truth.json"
    options = ("simulate", "decay", *SMALL, "--at", "decay=1", "--no-publish", "--json")
    told = document(run(shop, *options, "--truth", str(file)))
    both = document(run(shop, *options, "--truth", "-"))
    truth = json.loads(file.read_text())
    assert told["published"] == 0
    assert both["truth"] == truth
    assert [each["date"] for each in truth["by_day"]] == ["2026-09-01", "2026-09-02", "2026-09-03"]
    assert next(each for each in truth["scenario"] if each["name"] == "decay")["date"] == "2026-09-02"
    assert not _read(shop, INTERACTIONS)


def test_what_can_not_be_simulated_is_refused(stack: Settings, tmp_path: Path) -> None:
    """With one line that says why; missing topics are named."""
    assert "only 0 pictures" in failed(run(stack, "simulate", "--images", str(tmp_path), "--no-publish"), 2)
    elsewhere = stack.model_copy(update={"prefix": next_prefix()})
    assert "topics create" in failed(run(elsewhere, "simulate", "calm", *SMALL), 1)
