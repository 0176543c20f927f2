"""What is there under the old name is another thing: a topic made anew, a log whose end was lost, other collections."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import NewTopic

from awaiting import eventually
from faults.case import Case
from faults.histories import Made
from faults.scene import Scene
from interactions import send, session
from program import IndexWorker, index_worker
from recording import Recording
from streams.clients import admin
from streams.lag import commits
from streams.topics import RETRY, UPDATED
from workers.milvus.collection import LISTINGS, TOMBSTONES, collection_names, prepare

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]

pytestmark = pytest.mark.timeout(400)


def sold(case: Case, first: int, count: int, topic: str = UPDATED) -> list[Made]:
    """Events of new listings that need no picture."""
    return [
        case.listing("", f"{case.tag}{number}", topic=topic, status="sold_out", image_urls=["file:///none"])
        for number in range(first, first + count)
    ]


@contextmanager
def working(scene: Scene, *arguments: str) -> Iterator[IndexWorker]:
    """A worker that does all there is, and ends well."""
    with index_worker(scene.shop.settings, "--device", "cpu", *arguments) as worker:
        yield worker
        scene.shop.at_rest()
        assert worker.terminate() == 0, worker.log()


def last_words(worker: IndexWorker, code: int = 2) -> str:
    """The line with which a worker ends by itself."""
    eventually(lambda: not worker.running, "the worker's end", seconds=120)
    assert worker.process.poll() == code, worker.log()
    line = worker.log().strip().splitlines()[-1]
    assert line.startswith("lookalike: "), worker.log()
    return line


def refused(scene: Scene) -> str:
    """The line with which a worker ends, exit 2, that is started."""
    with index_worker(scene.shop.settings, "--device", "cpu", await_ready=False) as worker:
        return last_words(worker)


def make_anew(scene: Scene, topic: str, partitions: int) -> None:
    """Delete a topic and create it again."""
    client, name = admin(scene.shop.settings), scene.shop.settings.named(topic)
    client.delete_topics([name])[name].result(30)

    def created() -> bool:
        made = client.create_topics([NewTopic(name, partitions, config={"cleanup.policy": "compact"})])
        return made[name].exception(30) is None

    eventually(created, "the topic is there again", pause=0.2)


def test_a_topic_made_anew(own_scene: Scenes, make_case: MakeCase) -> None:
    """Its offsets belong to the old one: a worker that runs ends before it commits them of the new one, one that is
    started is refused, and told to accept that, it reads the new one from its start."""
    scene = own_scene(partitions=1)
    case, group = make_case("a topic made anew", scene), scene.crew.group
    place = (scene.shop.settings.named(UPDATED), 0)
    with working(scene):
        case.told(case.send(sold(case, 0, 8)))
    before = commits(scene.shop.settings, group, [place])[place]
    assert before.offset == 8
    assert before.identity.topic_id
    assert len(before.identity.marks) == 8
    make_anew(scene, UPDATED, 1)
    case.send(sold(case, 8, 13))
    # Kafka forgets the commits of a topic that it deletes; a worker that runs commits them again, and so does this.
    said = ConsumerGroupTopicPartitions(group, [TopicPartition(*place, before.offset, before.identity.text())])
    client = admin(scene.shop.settings)  # it must live until it has answered
    client.alter_consumer_group_offsets([said])[group].result(30)
    line = refused(scene)
    for words in (f"{place[0]} partition 0: committed 8, the log has 0 to 13", "made anew", "--accept-offsets"):
        assert words in line
    assert scene.shop.total_lag() == 13
    with working(scene, "--accept-offsets") as worker:
        assert len(worker.events("begins_at_the_earliest")) == 1
    case.holds()


def test_a_topic_made_anew_below_a_worker(own_scene: Scenes, make_case: MakeCase) -> None:
    """While a worker is frozen the topic is made anew, and is longer then: it ends, and reads nothing of it as if it
    went on."""
    scene = own_scene(partitions=1)
    case = make_case("a topic made anew below a worker", scene)
    with index_worker(scene.shop.settings, "--device", "cpu") as worker:
        case.told(case.send(sold(case, 0, 5)))
        scene.shop.at_rest()
        worker.freeze()
        make_anew(scene, UPDATED, 1)
        case.send(sold(case, 5, 13))
        worker.thaw()
        eventually(lambda: not worker.running, "the worker's end", seconds=120)
        assert worker.process.poll() in (1, 2), worker.log()
    with index_worker(scene.shop.settings, "--device", "cpu", await_ready=False) as worker:
        eventually(lambda: not worker.running, "the next one's end", seconds=120)
        assert worker.process.poll() in (1, 2), worker.log()
        assert "--accept-offsets" in worker.log()
    with working(scene, "--accept-offsets"):
        pass
    case.holds()


def test_an_end_that_was_lost(own_scene: Scenes, make_case: MakeCase) -> None:
    """A log that lost its last records, which were read and committed, and grew beyond that offset: it is another.

    As after the election of a replica that was behind; here the file is cut while the broker is down.
    """
    scene = own_scene(partitions=1)
    case, settings = make_case("an end that was lost", scene), scene.shop.settings
    [file] = scene.ground.folder.rglob(f"{settings.named(RETRY)}-0/00000000000000000000.log")
    with working(scene):
        case.told(case.send(sold(case, 0, 3, RETRY)))
        size = file.stat().st_size
        case.told(case.send_one_by_one(sold(case, 3, 5, RETRY)))
    scene.ground.kafka.kill()
    with file.open("r+b") as log:
        log.truncate(size)
    scene.ground.kafka.start()
    case.publisher.send(sold(case, 8, 9, RETRY))  # by another producer: the first has been told that more was there
    case.publisher.finish()
    line = refused(scene)
    for words in (f"{settings.named(RETRY)} partition 0: committed 8, the log has 0 to 12", "lost its end and grew"):
        assert words in line
    with working(scene, "--accept-offsets"):
        pass
    case.holds()


@pytest.mark.full
def test_an_end_that_was_recorded_and_lost(own_scene: Scenes, tmp_path: Path) -> None:
    """Likewise of `interactions`: the recorder is refused, and told to accept that it records all that is there."""
    scene = own_scene()
    recording = Recording(scene.shop.settings.model_copy(update={"data": tmp_path}))
    send(recording.settings, session("kept"), partition=3)
    recording.once()
    [file] = scene.ground.folder.rglob(f"{recording.topic}-3/00000000000000000000.log")
    size = file.stat().st_size
    send(recording.settings, session("lost"), partition=3)
    recording.once()
    before = recording.rows().height
    scene.ground.kafka.kill()
    with file.open("r+b") as log:
        log.truncate(size)
    scene.ground.kafka.start()
    send(recording.settings, [*session("new"), *session("newer")], partition=3)
    ended = recording.run("worker", "record", "--once")
    assert ended.returncode == 1, ended.stderr
    line = ended.stderr.strip().splitlines()[-1]
    for words in (f"{recording.topic} partition 3: recorded up to {before}", "lost its end and grew again"):
        assert words in line
    assert recording.rows().height == before
    recording.once("--accept-offsets")
    assert {"kept", "new", "newer"} <= set(recording.rows()["request_id"])
    assert recording.logged().keys() <= recording.places().keys()


def test_collections_that_were_dropped(own_scene: Scenes, make_case: MakeCase) -> None:
    """The group has written to them: a worker that runs ends, one that is started makes none anew, nor takes those of
    somebody else; told to rebuild, it reads the log from its start."""
    scene = own_scene(partitions=1)
    case, shop = make_case("collections dropped", scene), scene.shop
    with working(scene):
        case.told(case.send(sold(case, 0, 30)))
    drop(scene)
    line = refused(scene)
    for words in (collection_names(shop.settings, shop.model_id).listings, "nothing was made", "--rebuild"):
        assert words in line
    assert not shop.client.has_collection(collection_names(shop.settings, shop.model_id).listings)
    prepare(shop.client, shop.settings, shop.model_id, 128)  # as a restored one: made after what was committed
    line = refused(scene)
    for words in ("the collections are not those", "partition 0 is read up to 30", "--rebuild"):
        assert words in line
    with working(scene, "--rebuild"):
        case.told(case.send(sold(case, 30, 1)))
    case.holds()


def drop(scene: Scene) -> None:
    """Drop both collections, as somebody does by hand."""
    collections = collection_names(scene.shop.settings, scene.shop.model_id)
    for alias, name in ((LISTINGS, collections.listings), (TOMBSTONES, collections.tombstones)):
        scene.shop.client.drop_alias(scene.shop.settings.named(alias))
        scene.shop.client.drop_collection(name)
