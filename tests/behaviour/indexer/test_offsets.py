"""Offsets are never guessed: a place that is gone, or that never was, ends the worker with a line that says so."""

import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from awaiting import eventually
from catalogue import Catalogue, catalogue
from program import IndexWorker, index_worker
from schemas.source import Source
from streams.clients import admin
from streams.settings import Settings
from streams.topics import LISTING_PARTITIONS, LISTING_TOPICS, RETRY, UPDATED

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def own(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue of the test's own."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures")) as made:
        yield made


def sales(own: Catalogue, listing_id: str, count: int, first: int = 1, topic: str = UPDATED) -> list[Source]:
    """Publish so many events of one listing, each in a batch of its own; none needs a picture."""
    return [
        own.publish(own.event(listing_id, version, status="sold_out", image_urls=["file:///none"]), topic)
        for version in range(first, first + count)
    ]


def delete_below(own: Catalogue, source: Source, offset: int) -> None:
    """What retention does, at once; Kafka lets nobody do it to a compacted topic."""
    client, place = admin(own.settings), TopicPartition(source.topic, source.partition, offset)
    for done in client.delete_records([place]).values():
        done.result(30)


def grow(own: Catalogue) -> None:
    """One partition more in each listing topic."""
    wanted = [NewPartitions(own.settings.named(topic), LISTING_PARTITIONS + 1) for topic in LISTING_TOPICS]
    client = admin(own.settings)
    for done in client.create_partitions(wanted).values():
        done.result(30)


def make_anew(own: Catalogue) -> None:
    """Delete `listing-updated` and create it again."""
    client, name = admin(own.settings), own.settings.named(UPDATED)
    client.delete_topics([name])[name].result(30)
    eventually(lambda: name not in client.list_topics(timeout=10).topics, "the topic is gone")

    def created() -> bool:
        made = client.create_topics([NewTopic(name, LISTING_PARTITIONS, config={"cleanup.policy": "compact"})])
        return made[name].exception(30) is None

    eventually(created, "the topic is there again", pause=0.5)


def last_words(worker: IndexWorker, seconds: float = 120.0) -> str:
    """The line with which a worker ended."""
    eventually(lambda: worker.process.poll() is not None, "the worker's end", seconds=seconds)
    assert worker.process.poll() == 1, worker.log()
    last = worker.log().strip().splitlines()[-1]
    assert last.startswith("lookalike: "), worker.log()
    return last


def refused(own: Catalogue) -> str:
    """The line with which a worker ends that is started."""
    with index_worker(own.settings, "--device", "cpu", await_ready=False) as worker:
        return last_words(worker)


def indexed_once(own: Catalogue) -> Source:
    """A worker has done and committed four events, and ended."""
    with index_worker(own.settings, "--device", "cpu") as worker:
        sources = sales(own, "m1", 4, topic=RETRY)
        own.outcomes_of(sources)
        own.at_rest()
        assert worker.terminate() == 0
    return sources[-1]


def test_a_fresh_group_begins_at_the_earliest(own: Catalogue) -> None:
    """Two workers that start at once on a group that never began: each partition has its place, and all is read."""
    sources = sales(own, "m1", 3) + sales(own, "m2", 3)
    with (
        index_worker(own.settings, "--device", "cpu", await_ready=False) as first,
        index_worker(own.settings, "--device", "cpu", await_ready=False) as second,
    ):
        for each in (first, second):
            each.await_ready()
        own.outcomes_of(sources)
        own.at_rest()
        assert all(offset is not None for offset in own.all_committed().values())
        for each in (first, second):
            assert each.terminate() == 0, each.log()


def test_records_deleted_below_a_stopped_worker(own: Catalogue) -> None:
    """It says what is missing and ends; told to accept that, it begins at the earliest that is left."""
    last = indexed_once(own)
    missed = sales(own, "m1", 6, first=5, topic=RETRY)
    delete_below(own, last, missed[3].offset)
    line = refused(own)
    for words in (
        f"{own.settings.named(RETRY)} partition {last.partition}: committed {last.offset + 1}",
        f"the log has {missed[3].offset} to {missed[-1].offset + 1}",
        "--accept-offsets",
        "lookalike audit",
    ):
        assert words in line
    with index_worker(own.settings, "--device", "cpu", "--accept-offsets") as worker:
        own.outcomes_of(missed[3:])
        own.at_rest()
        assert len(worker.events("begins_at_the_earliest")) == 1
        assert worker.terminate() == 0


def test_records_deleted_below_a_lagging_worker(own: Catalogue) -> None:
    """A worker that runs, and is behind: it ends with the same line, and does not jump."""
    with index_worker(own.settings, "--device", "cpu") as worker:
        done = sales(own, "m1", 2, topic=RETRY)
        own.outcomes_of(done)
        own.at_rest()
        worker.process.send_signal(signal.SIGSTOP)
        missed = sales(own, "m1", 8, first=3, topic=RETRY)
        delete_below(own, done[-1], missed[6].offset)
        worker.process.send_signal(signal.SIGCONT)
        line = last_words(worker)
    assert f"partition {done[-1].partition}: committed " in line
    assert f"the log has {missed[6].offset} to {missed[-1].offset + 1}" in line
    committed = own.committed([(RETRY, done[-1].partition)])[RETRY, done[-1].partition]
    assert committed is not None
    assert committed < missed[6].offset


def test_a_topic_that_was_made_anew(own: Catalogue) -> None:
    """Kafka forgets what was committed of a deleted topic: a worker that runs ends, and the next one does not start."""
    with index_worker(own.settings, "--device", "cpu") as worker:
        own.outcomes_of(sales(own, "m1", 4))
        own.at_rest()
        make_anew(own)
        line = last_words(worker)
    # It may see the topic without partitions first, or the new one at once.
    assert "the topic was made anew" in line or "the listing topics' partitions differ" in line
    assert f"{own.settings.named(UPDATED)} partition 0: nothing is committed, the log has 0 to 0 (and 11" in refused(
        own
    )


def test_a_partition_count_that_grew(own: Catalogue) -> None:
    """While a worker runs it ends, and the next one does not start: listings moved between partitions. Drained and
    told to accept it, a worker begins at the earliest in the new one."""
    with index_worker(own.settings, "--device", "cpu") as worker:
        own.outcomes_of(sales(own, "m1", 2))
        own.at_rest()
        grow(own)
        running = last_words(worker)
    assert f"partition {LISTING_PARTITIONS}: nothing is committed" in running, running
    assert "the partition count grew" in refused(own)
    with index_worker(own.settings, "--device", "cpu", "--accept-offsets") as worker:
        own.outcomes_of(sales(own, "m1", 1, first=3))
        assert worker.terminate() == 0
