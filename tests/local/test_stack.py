"""Apache Kafka and Milvus Lite under supervision: started, killed, restarted, stopped in order."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymilvus import MilvusClient

from servers import await_true, local_settings, standalone_milvus
from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.local import kafka
from workers.local.ports import answers, kafka_address
from workers.local.state import read_state
from workers.local.supervised_process import Child, Process
from workers.local.supervisor import Stack

STAND_IN = """
import pathlib, signal, socket, sys, time
ready, noted, port = sys.argv[1:]
def end(*_):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=2):
        pathlib.Path(noted).write_text("kafka was there to the end")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(ready).touch()
time.sleep(600)
"""


def stand_in(settings: Settings) -> Process:
    """In the place of a worker: ready by its file; it notes whether Kafka is still there when it is asked to end."""
    ready, noted = settings.data / "ready", settings.data / "noted"
    port = str(kafka_address(settings).port)
    command = (sys.executable, "-c", STAND_IN, str(ready), str(noted), port)
    return Process("stand-in", command, lambda: ready.unlink(missing_ok=True), ready.exists, grace=5.0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of servers and a stand-in; at its end the stand-in must have been stopped before Kafka."""
    settings = local_settings(tmp_path_factory.mktemp("a folder, with more"))
    with Stack(settings, workers=0, more=[stand_in(settings)]) as running:
        yield running
    assert (settings.data / "noted").read_text() == "kafka was there to the end"
    assert {entry["state"] for entry in read_state(settings)["processes"]} == {"stopped"}


def named(stack: Stack, name: str) -> Child:
    """The child of that name."""
    return next(child for child in stack.children if child.process.name == name)


def kill_and_await(stack: Stack, name: str) -> None:
    """SIGKILL a process of the stack and wait until the supervisor has it running again."""
    killed = named(stack, name).pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await_true(lambda: named(stack, name).state == "running" and named(stack, name).pid not in (None, killed))


def test_all_is_running_and_written_down(stack: Stack) -> None:
    """When the start returns, each process is ready, and the state file says so with pids."""
    processes = stack.document()["processes"]
    assert [(entry["name"], entry["state"]) for entry in processes] == [
        ("kafka", "running"),
        ("milvus", "running"),
        ("stand-in", "running"),
    ]
    written = read_state(stack.settings)
    assert written["complete"]
    assert written["supervisor"] == {"pid": os.getpid()}
    assert [entry["pid"] for entry in written["processes"]] == [entry["pid"] for entry in processes]


def test_topics_are_there(stack: Stack) -> None:
    """The topics exist when the start returns, and a misspelt one is not created by asking for it."""
    client = AdminClient({"bootstrap.servers": stack.settings.kafka})
    assert {"listing-created", "listing-updated", "listing-dead-letter"} <= set(client.list_topics(timeout=5).topics)
    assert client.list_topics("listing-craeted", timeout=5).topics["listing-craeted"].error is not None


def test_large_records_where_the_topic_allows_them(stack: Stack) -> None:
    """A topic may allow more than the broker's 1 MB default, as the dead letters do."""
    client = AdminClient({"bootstrap.servers": stack.settings.kafka})
    new = NewTopic("large", 1, config={"max.message.bytes": "6000000"})
    client.create_topics([new])["large"].result(10)
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": stack.settings.kafka, "message.max.bytes": 7_000_000})
    producer.produce("large", os.urandom(5_500_000), on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(20) == 0
    assert failures == [None]


def test_a_second_stack_is_refused(stack: Stack) -> None:
    """One line that names the pid and the way out; the first goes on."""
    with pytest.raises(LookalikeError, match=f"already up.*pid {os.getpid()}.*lookalike down"):
        Stack(stack.settings, workers=0).__enter__()
    assert named(stack, "kafka").state == "running"


def test_a_taken_port_is_refused(stack: Stack, tmp_path: Path) -> None:
    """With another data folder but the same address: the line names the variable, and nothing is left behind."""
    settings = local_settings(tmp_path, milvus=stack.settings.milvus)
    with pytest.raises(LookalikeError, match=r"in use.*LOOKALIKE_MILVUS"):
        Stack(settings, workers=0).__enter__()
    assert read_state(settings)["processes"] == []


def test_milvus_comes_back_with_its_data(stack: Stack) -> None:
    """Killed at once after a write, Milvus Lite is started again and has the row."""
    client = MilvusClient(stack.settings.milvus)
    client.create_collection("kept", dimension=4, metric_type="COSINE")
    client.upsert("kept", [{"id": 7, "vector": [1.0, 0.0, 0.0, 0.0]}])
    kill_and_await(stack, "milvus")
    again = MilvusClient(stack.settings.milvus)
    again.load_collection("kept")
    assert [row["id"] for row in again.query("kept", filter="id == 7")] == [7]


def test_kafka_comes_back_with_its_data(stack: Stack) -> None:
    """Killed at once after an acknowledged write, the broker is started again and has the record."""
    producer = Producer({"bootstrap.servers": stack.settings.kafka})
    client = AdminClient({"bootstrap.servers": stack.settings.kafka})
    client.create_topics([NewTopic("kept", 1)])["kept"].result(10)
    producer.produce("kept", b"here")
    assert producer.flush(10) == 0
    kill_and_await(stack, "kafka")
    consumer = Consumer({"bootstrap.servers": stack.settings.kafka, "group.id": "any"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert message.value() == b"here"


def test_a_worker_comes_back(stack: Stack) -> None:
    """A worker that was killed is ready again only by a new ready file, not by the old one's remains."""
    kill_and_await(stack, "stand-in")
    assert named(stack, "stand-in").failures >= 1


def test_a_worker_that_cannot_start_ends_the_start(tmp_path: Path) -> None:
    """Wrong usage (status 2) is not tried again: the start fails with the worker's own words, and all is stopped."""
    settings = local_settings(tmp_path)
    code = "import sys; print('lookalike: no such model folder'); sys.exit(2)"
    bad = Process("index-1", (sys.executable, "-c", code), lambda: None, lambda: False, grace=1.0)
    with pytest.raises(UsageError, match=r"index-1 ended with status 2: .*no such model folder.*index-1\.log"):
        Stack(settings, workers=0, more=[bad]).__enter__()
    assert answers(kafka_address(settings)) is None
    assert {entry["state"] for entry in read_state(settings)["processes"]} == {"stopped"}


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the way is one clear line with the variable to change."""
    (tmp_path / "file").touch()
    with pytest.raises(LookalikeError, match=r"can't be written.*LOOKALIKE_DATA") as failed:
        Stack(local_settings(tmp_path / "file"), workers=0).__enter__()
    assert type(failed.value) is LookalikeError


def test_two_standalone_servers_side_by_side(tmp_path: Path) -> None:
    """The tests' Milvus standalone keeps to its own ports, so that another copy does not disturb it."""
    with standalone_milvus(tmp_path / "a") as first, standalone_milvus(tmp_path / "b") as second:
        assert first != second
        MilvusClient(first).create_collection("only_here", dimension=4)
        assert MilvusClient(second).list_collections() == []


def test_asked_twice_it_ends_at_once(tmp_path: Path) -> None:
    """The second interrupt kills what the first one asked to end, however long that would have taken."""
    settings = local_settings(tmp_path)
    ready = tmp_path / "deaf"
    code = f"import pathlib, signal, time; signal.signal(15, signal.SIG_IGN); pathlib.Path({str(ready)!r}).touch()"
    deaf = Process("deaf", (sys.executable, "-c", f"{code}; time.sleep(600)"), lambda: None, ready.exists, grace=300.0)
    with Stack(settings, workers=0, more=[deaf]) as stack:
        stack.interrupt()
        stack.interrupt()
        asked = time.monotonic()
    assert time.monotonic() - asked < 30
    assert answers(kafka_address(settings)) is None


def test_any_cluster_id_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the one in 64 that begins with a hyphen, which Kafka's tool could take for an option."""
    monkeypatch.setattr("workers.local.kafka.uuid.uuid4", lambda: UUID(int=0xF8 << 120))
    kafka.process(local_settings(tmp_path)).prepare()
    assert any("cluster.id=-" in file.read_text() for file in tmp_path.rglob("meta.properties"))
