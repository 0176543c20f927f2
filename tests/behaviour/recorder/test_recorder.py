"""The recorder on a real broker: each record of the log in a file once, whatever happens to its process."""

import json
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow.dataset as ds  # type: ignore[import-untyped]  # it ships no types
from confluent_kafka import TopicPartition

from awaiting import eventually
from interactions import START, action, send, session, shelf
from program import run
from raw_producer import BAD, Raw, send_raw
from recording import Recording
from streams.clients import admin, producer
from streams.dead_letters import place_of
from streams.lag import lag
from streams.topics import INTERACTIONS

STEPS = [
    ("workers.recorder.writer", "DeadLetterProducer.send", "after"),
    ("workers.interactions.staging", "stage", "before"),
    ("workers.interactions.staging", "stage", "after"),
    ("workers.interactions.staging", "commit", "before"),
    ("workers.interactions.staging", "commit", "after"),
    ("workers.interactions.staging", "Path.rename", "after"),
    ("workers.interactions.staging", "publish", "after"),
    ("workers.recorder.recorder", "Recorder._commit", "before"),
    ("workers.recorder.recorder", "Recorder._commit", "after"),
]


def some(count: int, name: str = "r") -> list[dict[str, object]]:
    """Sessions that span two days."""
    return [event for number in range(count) for event in session(f"{name}{number}")]


def test_killed_between_any_two_steps(new_recording: Callable[[], Recording]) -> None:
    """SIGKILL at one step after the other: nothing is ever there twice, and in the end the files are the log.

    Three at a time, for the seat of a recorder that was killed is free only after 10 s.
    """
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(killed_in_turn, new_recording(), STEPS[number::3]) for number in range(3)]:
            done.result()


def killed_in_turn(recording: Recording, steps: list[tuple[str, str, str]]) -> None:
    """One recorder after the other is killed, the last one is not."""
    for number, (module, name, when) in enumerate(steps):
        send(recording.settings, [*some(5, f"r{number}-"), b"not JSON %d" % number])
        recording.killed(module, name, when, "worker", "record", "--once")
        found = recording.places()
        assert max(found.values(), default=1) == 1, (name, when)
        assert found <= recording.logged(), (name, when)
    recording.once()
    assert recording.is_the_log()
    bad = {("deserialize", b"not JSON %d" % number) for number in range(len(steps))}
    assert {(each["reason"], each["value"]) for each in recording.letters()} == bad
    assert not list((recording.folder / ".staging").iterdir())
    assert not list((recording.folder / ".ready").iterdir())


def test_read_again_nothing_changes(recording: Recording) -> None:
    """The group's offset set back to the start: files are the truth, nothing is recorded twice.

    A record that its publisher sent twice is there twice: that is what was sent.
    """
    events = some(10)
    send(recording.settings, [*events, events[0]])
    recording.once()
    files, committed = recording.files(), recording.committed()
    client, group = admin(recording.settings), recording.settings.named("lookalike-record")
    from confluent_kafka import ConsumerGroupTopicPartitions

    back = [TopicPartition(recording.topic, each, 0) for each in committed]
    eventually(lambda: _altered(client, ConsumerGroupTopicPartitions(group, back)), "the group is empty")
    recording.once()
    assert recording.files() == files
    assert recording.is_the_log()
    send(recording.settings, events[:4])
    recording.once()
    assert recording.is_the_log()
    assert recording.rows().filter(pl.col("request_id") == "r0").height == 9
    assert sum(each.lag for each in lag(recording.settings, [group])) == 0


def _altered(client, request) -> bool:  # type: ignore[no-untyped-def]
    try:
        client.alter_consumer_group_offsets([request])[request.group_id].result(10)
    except Exception:  # noqa: BLE001 - a member has not left yet
        return False
    return True


def test_offsets_that_are_gone(recording: Recording) -> None:
    """Records that expired before they were recorded: exit 1 with the remedy, and nothing is jumped over until then."""
    send(recording.settings, some(5))
    recording.once()
    send(recording.settings, some(20, "gone"), partition=3)
    ends = [TopicPartition(recording.topic, 3, 40)]
    client = admin(recording.settings)
    for done in client.delete_records(ends).values():
        done.result(10)
    before, committed = recording.files(), recording.committed()
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1
    line = ended.stderr.strip().splitlines()[-1]
    assert "partition 3" in line
    assert "expired before they were recorded" in line
    assert "--accept-offsets" in line
    assert (recording.files(), recording.committed()) == (before, committed)
    recording.once("--accept-offsets")
    assert recording.logged() <= recording.places()


def test_files_that_are_missing(recording: Recording) -> None:
    """The group has recorded more than the folder has: exit 1 with the remedy; the log fills the gap where it can."""
    send(recording.settings, some(10))
    recording.once()
    for path in recording.folder.glob("day=*/*"):
        path.unlink()
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1
    assert "files are missing that the group has recorded" in ended.stderr
    assert "LOOKALIKE_DATA" in ended.stderr
    recording.once("--accept-offsets")
    assert recording.is_the_log()
    elsewhere = Recording(recording.settings.model_copy(update={"data": recording.settings.data / "elsewhere"}))
    ended = elsewhere.run("worker", "record", "--once")
    assert ended.returncode == 1
    assert "files are missing" in ended.stderr


def test_what_cannot_be_read(recording: Recording) -> None:
    """It is a letter with its place and reason, as it came; a range of nothing else is done all the same."""
    bad = [b"{", b"", None, json.dumps({"event": "click", "request_id": "r1"}).encode(), b"\xff\xfe"]
    sources = send(recording.settings, bad)
    recording.once()
    letters = recording.letters()
    assert {(each["partition"], each["offset"]) for each in letters} == {
        (each.partition, each.offset) for each in sources
    }
    assert sorted(each["reason"] for each in letters) == ["deserialize"] * 3 + ["schema"] * 2
    assert {each["value"] for each in letters} == set(bad)
    assert recording.rows().height == 0
    send(recording.settings, some(3))
    recording.once()
    assert recording.is_the_log()
    assert len(recording.letters()) == len(bad)


def test_everything_is_bad(recording: Recording) -> None:
    """A hundred bad records in a row end the recorder before one of them is lettered, until a person lets them pass."""
    send(recording.settings, [b"{"] * 150, partition=0)
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1
    assert "100 events in a row would be dead-lettered" in ended.stderr
    assert (recording.letters(), recording.files()) == ([], [])
    recording.once("--letters-in-a-row", "0", "--letters-ratio", "0")
    assert len(recording.letters()) == 150


def test_one_users_bad_records(recording: Recording) -> None:
    """Three hundred of one user, or of one shelf, end nobody: each is a letter, and those of others are recorded."""
    of_user = [{**shelf(f"u{number}", user="u1"), "items": "none"} for number in range(300)]
    of_shelf = [{**action("click", "r1"), "listing_id": 7} for _ in range(300)]
    send(recording.settings, [*of_user, *some(3, "good"), *of_shelf, *some(3, "more")], partition=0)
    recording.once()
    assert len(recording.letters()) == 600
    assert set(recording.rows()["request_id"]) == {
        f"{name}{number}" for name in ("good", "more") for number in range(3)
    }


def test_transactions(recording: Recording) -> None:
    """Aborted records are not recorded, their markers hold nothing up, and the next range begins after them."""
    client = producer(recording.settings, transactional_id=recording.settings.prefix)
    client.init_transactions(20)
    for name, finish in (("a", client.commit_transaction), ("b", client.abort_transaction)):
        client.begin_transaction()
        for event in session(name):
            client.produce(recording.topic, json.dumps(event), name, partition=0)
        client.flush(20)
        finish(20)
    recording.once()
    assert set(recording.rows()["request_id"]) == {"a"}
    send(recording.settings, session("c"), partition=0)
    recording.once()
    assert set(recording.rows()["request_id"]) == {"a", "c"}
    assert recording.is_the_log()


def in_duck(query: str) -> pl.DataFrame:
    """The rows of a query by DuckDB."""
    found = duckdb.sql(query)
    assert found is not None
    frame: pl.DataFrame = found.pl()
    return frame


def test_every_reader_reads_it_as_it_is(recording: Recording) -> None:
    """pyarrow, DuckDB and polars: the same rows, the same types, days as folders."""
    send(recording.settings, some(7))
    recording.once()
    folder = recording.folder
    arrow = ds.dataset(folder, partitioning="hive", format="parquet").to_table()
    duck = in_duck(f"SELECT * FROM read_parquet('{folder}/day=*/*.parquet', hive_partitioning = true)")  # noqa: S608 - our own folder
    polars = pl.read_parquet(folder / "day=*/*.parquet", hive_partitioning=True)
    ours = recording.rows()
    assert arrow.num_rows == duck.height == polars.height == ours.height == 28
    for name in ("request_id", "at", "recorded_at", "event", "listing_id"):
        expected = ours[name].sort().to_list()
        assert pl.Series(arrow.column(name).to_pylist()).sort().to_list() == expected
        assert duck[name].sort().to_list() == expected
        assert polars[name].sort().to_list() == expected
    shelves = in_duck(
        f"SELECT i.listing_id, i.position, i.score FROM (SELECT unnest(items) AS i "  # noqa: S608 - our own folder
        f"FROM read_parquet('{folder}/day=*/*.parquet') WHERE event = 'shelf')"
    )
    assert shelves.height == 21
    assert set(shelves["listing_id"]) == {"m1", "m2", "m3"}
    assert {path.parent.name for path in folder.glob("day=*/*")} == {"day=2026-11-20", "day=2026-11-21"}


def test_a_new_record_is_soon_in_a_file(recording: Recording) -> None:
    """Within 20 s, health and metrics beside it; SIGTERM puts what is in hand in place and ends with 0."""
    ready = recording.settings.data / "ready"
    process = recording.start("--metrics-port", "0", "--ready-file", str(ready))
    eventually(ready.exists, "it is ready", seconds=60)
    began = time.monotonic()
    send(recording.settings, some(3))
    recording.await_recorded(20)
    assert time.monotonic() - began < 20
    from urllib.request import urlopen

    health = json.loads(ready.read_text())["health"]
    told = json.loads(urlopen(health, timeout=5).read())
    assert (told["state"], told["in_hand"], len(told["partitions"])) == ("running", 0, 12)
    metrics = urlopen(health.replace("/health", "/metrics"), timeout=5).read().decode()
    assert 'lookalike_recorded_total{event="shelf"} 3.0' in metrics
    send(recording.settings, [shelf("last", at=START + timedelta(days=3))])
    eventually(lambda: json.loads(urlopen(health, timeout=5).read())["in_hand"], "it is in hand", seconds=10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert recording.is_the_log()
    assert recording.committed() == {each: end for each, end in recording.committed().items() if end >= 0}


def test_two_recorders_share_a_folder(recording: Recording) -> None:
    """One joins, one is killed, one leaves: partitions move, and each record is in one file."""
    first = recording.start("--batch-seconds", "0.5")
    eventually(lambda: recording.log(first, "started"), "the first has begun", seconds=60)
    send(recording.settings, some(30, "a"))
    second = recording.start("--batch-seconds", "0.5")
    eventually(lambda: recording.log(second, "started"), "the second has begun", seconds=60)
    send(recording.settings, some(30, "b"))
    recording.await_recorded()
    first.kill()
    send(recording.settings, some(30, "c"))
    recording.await_recorded()
    second.terminate()
    assert second.wait(30) == 0
    recording.once()
    assert recording.is_the_log()


def test_a_frozen_recorder(recording: Recording) -> None:
    """It loses its partitions and keeps its locks: nobody writes them meanwhile, and nothing twice."""
    frozen = recording.start("--batch-seconds", "2")
    eventually(lambda: recording.log(frozen, "started"), "the first has begun", seconds=60)
    send(recording.settings, some(10, "a"))
    frozen.send_signal(signal.SIGSTOP)
    other = recording.start("--batch-seconds", "0.5")
    eventually(lambda: recording.log(other, "held_elsewhere"), "the other has partitions and no locks", seconds=60)
    send(recording.settings, some(10, "b"))
    frozen.send_signal(signal.SIGCONT)
    recording.await_recorded(60)
    assert other.poll() is None
    assert recording.is_the_log()


def test_an_action_of_another_day(recording: Recording) -> None:
    """A day is that of the event, not of its record: a batch of three days is three files of one range."""
    days = [START + timedelta(days=number) for number in range(3)]
    send(recording.settings, [action("click", "r1", at=day) for day in days], partition=5)
    recording.once()
    name = f"{recording.topic}-5-0-2.parquet"
    assert recording.files() == [f"day={day.date()}/{name}" for day in days]


def test_times_far_from_their_records_are_dead_letters_and_open_no_days(recording: Recording) -> None:
    """Thousands of random dates, the first year and the last: dead letters all, and the others' events are recorded."""
    now = datetime.now(UTC).replace(microsecond=0)
    chance = random.Random(1)  # noqa: S311 - dates for a test
    dates = [datetime.fromtimestamp(chance.randrange(1_000_000_000, 4_000_000_000), UTC) for _ in range(2_000)]
    absurd = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    far = [at for at in [*dates, *absurd] if abs((at - now).days) > 30]
    stamp = int(now.timestamp() * 1_000)
    send(recording.settings, [action("click", f"bad{n}", at=at) for n, at in enumerate(far)], timestamp=stamp)
    send(recording.settings, [shelf(f"r{number}", at=now) for number in range(20)])
    recording.once()
    assert recording.is_the_log()
    assert recording.rows().height == 20
    assert {each["reason"] for each in recording.letters()} == {"time-out-of-bounds"}
    assert len(recording.letters()) == len(far)
    assert len({name.split("/")[0] for name in recording.files()}) <= 2


def test_poison_and_what_is_stepped_over(recording: Recording) -> None:
    """A header name that is not UTF-8 stops nobody: good values are recorded, bad ones are dead letters as they came.

    `--skip` puts a record into the dead letters unread, once; a restart with the same place changes nothing.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    values = [json.dumps(shelf(f"r{number}", at=now)).encode() for number in range(4)]
    values[1] = b"\xff{"
    sources = send_raw(recording.settings, [Raw(INTERACTIONS, b"k", value, (BAD, (b"a", None))) for value in values])
    skip = ("--skip", place_of(sources[2]), "--skip", f"{recording.topic}:0:999999")
    for _ in range(2):
        recording.once(*skip)
        assert sorted(recording.rows()["request_id"].to_list()) == ["r0", "r3"]
        assert recording.is_the_log()
        letters = {(each["offset"], each["reason"], each["value"]) for each in recording.letters()}
        assert letters == {(1, "deserialize", values[1]), (2, "skipped", values[2])}
        assert len(recording.letters()) == 2
    assert recording.run("worker", "record", "--once", "--skip", "listing-updated:0:1").returncode == 2
    evaluated = run(recording.settings, "worker", "evaluate", "--once")
    assert evaluated.returncode == 0, evaluated.stderr
