"""Files are of one log: a topic that was made anew is never read on from where the files of the old one end."""

import polars as pl
import pytest
from confluent_kafka.admin import NewTopic

from awaiting import eventually
from interactions import send, session
from recording import Recording
from streams.clients import admin
from workers.interactions.staging import write_file


def events(count: int, name: str) -> list[dict[str, object]]:
    """Sessions of shelves and what was done with them."""
    return [event for number in range(count) for event in session(f"{name}{number}")]


def make_anew(recording: Recording) -> None:
    """Delete `interactions` and create it again."""
    client = admin(recording.settings)
    client.delete_topics([recording.topic])[recording.topic].result(30)

    def created() -> bool:
        made = client.create_topics([NewTopic(recording.topic, 12)])
        return made[recording.topic].exception(30) is None

    eventually(created, "the topic is there again", pause=0.2)


def test_a_topic_made_anew(recording: Recording) -> None:
    """It is longer than what was recorded: refused with the remedy; accepted, all of it is recorded, old rows stay, and
    the next start goes on."""
    send(recording.settings, events(3, "old"), partition=3)
    recording.once()
    old = recording.rows()
    make_anew(recording)
    send(recording.settings, events(8, "new"), partition=3)
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1
    line = ended.stderr.strip().splitlines()[-1]
    for words in (f"partition 3: recorded up to {old.height}", "made anew", "--accept-offsets"):
        assert words in line
    assert recording.rows().height == old.height
    recording.once("--accept-offsets")
    both = set(recording.rows()["request_id"])
    assert both == {f"old{number}" for number in range(3)} | {f"new{number}" for number in range(8)}
    send(recording.settings, events(2, "later"), partition=3)
    recording.once()
    assert recording.rows().height == old.height + sum(recording.logged().values())


def test_made_anew_below_a_recorder(recording: Recording) -> None:
    """One that runs ends, and says so; whatever it read meanwhile, what is accepted is there whole."""
    send(recording.settings, events(2, "old"), partition=3)
    process = recording.start()
    recording.await_recorded()
    make_anew(recording)
    send(recording.settings, events(8, "new"), partition=3)
    eventually(lambda: process.poll() is not None, "the recorder's end", seconds=90)
    assert process.poll() == 1
    recording.once("--accept-offsets")
    assert {f"new{number}" for number in range(8)} <= set(recording.rows()["request_id"])
    assert set(recording.logged()) <= set(recording.places())


@pytest.mark.parametrize("what", ["recorded_at", "request_id", "event_id"])
def test_an_end_that_was_lost(recording: Recording, what: str) -> None:
    """The topic is the same, and another record stands where the last one that was recorded stood: refused likewise.

    Here it is the recorded row that is of another time, or another event of the same time, as if its record had been
    lost with the log's end.
    """
    send(recording.settings, events(3, "old"), partition=3)
    recording.once()
    last = recording.rows().height - 1
    for path in recording.folder.glob(f"day=*/{recording.topic}-3-*.parquet"):
        if last in (rows := pl.read_parquet(path))["offset"]:
            break
    another = pl.col(what) + (pl.duration(seconds=1) if what == "recorded_at" else pl.lit("x"))
    other = pl.when(pl.col("offset") == last).then(another).otherwise(pl.col(what)).alias(what)
    write_file(path, rows.with_columns(other).to_arrow())
    send(recording.settings, events(1, "new"), partition=3)
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1
    assert f"lost its end and grew again: at offset {last} is another record" in ended.stderr
    recording.once("--accept-offsets")
    assert recording.logged().keys() == recording.places().keys()
