"""No answer is not zero: what Kafka could not be asked ends a command at exit 3, with the true reason."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from awaiting import eventually
from catalogue import next_prefix
from parts import Part
from program import Ended, document, failed, run
from servers import local_settings
from streams.clients import admin, client_config, producer
from streams.groups import index_group
from streams.settings import Settings
from streams.topics import CREATED, DEAD_LETTER, INTERACTIONS, UPDATED, create
from workers.local import kafka
from workers.local.ports import kafka_address

pytestmark = pytest.mark.timeout(300)
NOWHERE = "kafka-0.internal"
COMMANDS = {
    name: name.split()
    for name in (
        "lag",
        "topics create",
        "topics check",
        "status --json",
        "dead-letters list",
        "takedown --listing a",
        "worker record --once",
        "worker evaluate --once",
        "worker index",
        "publish -",
    )
}


@pytest.fixture(scope="module")
def advertised(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A broker that answers at its address, and asks to be reached under a name that does not resolve."""
    own = local_settings(tmp_path_factory.mktemp("advertised"))
    address, real = kafka_address(own), kafka.properties
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            kafka,
            "properties",
            lambda *given: real(*given).replace(
                f"advertised.listeners=BROKER://{address}", f"advertised.listeners=BROKER://{NOWHERE}:9092"
            ),
        )
        broker = Part(kafka.process(own), own.data / "kafka.log")
        try:
            broker.start()
            yield own.model_copy(update={"milvus": stack.milvus})
        finally:
            broker.kill()


@pytest.fixture(scope="module")
def ended(advertised: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """What each command says of it, all at once: each waits ten seconds for Kafka."""

    def ask(name: str) -> Ended:
        own = advertised.model_copy(update={"data": tmp_path_factory.mktemp("data")})
        return run(
            own,
            *COMMANDS[name],
            stdin='{"event": "listing-updated", "listing_id": "a", "version": 1, "status": "removed"}\n',
        )

    with ThreadPoolExecutor(10) as pool:
        return dict(zip(COMMANDS, pool.map(ask, COMMANDS), strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_that_does_not_resolve(ended: dict[str, Ended], name: str) -> None:
    """The broker's own address leads nowhere from here: exit 3, and the line says which name it was."""
    assert ended[name].returncode == 3, ended[name].stderr
    last = ended[name].stderr.strip().splitlines()[-1]
    assert f"failed to resolve {NOWHERE}" in last
    assert "advertised.listeners" in last
    assert "Traceback" not in ended[name].stderr


def test_an_address_where_nobody_listens(tmp_path: Path) -> None:
    """The line says that the connection was refused."""
    away = local_settings(tmp_path)
    assert "refused" in failed(run(away, "lag"), 3)


def test_a_milvus_whose_name_does_not_resolve(stack: Settings) -> None:
    """The same of Milvus: pymilvus has one sentence for every cause."""
    away = stack.model_copy(update={"milvus": "http://milvus-0.internal:19530"})
    assert "failed to resolve milvus-0.internal" in failed(run(away, "neighbors", "--text", "a"), 3)


def test_topics_that_are_gone(stack: Settings) -> None:
    """A catalogue that has no topics yet has no lag; of one whose topic was deleted nobody can say what it is."""
    own = stack.model_copy(update={"prefix": next_prefix()})
    assert document(run(own, "lag", "--json"))["total"] == 0
    create(own)
    group, topic = index_group(own, "0123456789ab"), own.named(UPDATED)
    consumer = Consumer(client_config(own, group_id=group, enable_auto_commit=False))
    consumer.commit(offsets=[TopicPartition(own.named(CREATED), 0, 0)], asynchronous=False)
    consumer.close()
    assert document(run(own, "lag", "--json"))["total"] == 0
    client = admin(own)
    for name in (UPDATED, DEAD_LETTER, INTERACTIONS):
        client.delete_topics([own.named(name)])[own.named(name)].result()
    eventually(lambda: topic not in client.list_topics(timeout=10).topics, "the topic is gone")
    assert f"topic {topic} is gone" in failed(run(own, "lag"), 3)
    assert f"topic {own.named(DEAD_LETTER)} is gone" in failed(run(own, "dead-letters", "list"), 3)
    told = document(run(own, "status", "--json"), 3)
    assert told["lag"] is None
    assert any("is gone" in each for each in told["down"])


def test_a_group_that_is_not_ours(stack: Settings) -> None:
    """A foreign group whose name begins as ours do is in no total; asked for by its name it is shown, and a name that
    nobody has is refused."""
    own = stack.model_copy(update={"prefix": next_prefix()})
    create(own)
    publisher = producer(own)
    for number in range(5):
        publisher.produce(own.named(UPDATED), b"{}", b"k%d" % number, partition=0)
    assert publisher.flush(20) == 0
    foreign = own.named("lookalike-index-of-another-team")
    consumer = Consumer(client_config(own, group_id=foreign, enable_auto_commit=False))
    consumer.commit(offsets=[TopicPartition(own.named(UPDATED), 0, 1)], asynchronous=False)
    consumer.close()
    assert document(run(own, "lag", "--json"))["total"] == 0
    assert document(run(own, "lag", "--json", "--group", foreign))["total"] == 4
    assert document(run(own, "lag", "--json", "--group", foreign, "--older-than", "3600"))["total"] == 0
    assert "there is no group nobody" in failed(run(own, "lag", "--group", "nobody"), 2)
