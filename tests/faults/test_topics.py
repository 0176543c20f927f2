"""Topics as they may be: letters refused, gaps in the offsets, few partitions, a first event that fails."""

import time
from collections.abc import Callable

import pytest

from awaiting import eventually
from catalogue import next_prefix
from faults.case import Case
from faults.configured import configured
from faults.histories import Made
from faults.scene import Scene, partitions
from schemas.source import Source
from streams.clients import producer
from streams.topics import CREATED, DEAD_LETTER, INDEXED, UPDATED

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]


def bad_payloads(case: Case, count: int) -> list[Made]:
    """Records that can't be read, each of a listing of its own."""
    return [Made(UPDATED, f"{case.tag}bad{number}".encode(), b"{ not JSON") for number in range(count)]


def test_letters_are_refused(scenes: Scenes, make_case: MakeCase) -> None:
    """The dead-letter topic takes nothing: what should lie there is never acknowledged, and all else goes on."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("dead-letter topic refuses", scene)
    with configured(scene.shop.settings, DEAD_LETTER, {"max.message.bytes": "20"}):
        bad = case.send(bad_payloads(case, 12))
        case.told(case.send(case.new(20)))
        time.sleep(2.0)
        committed = scene.shop.all_committed()
        for source in bad:
            assert (committed[UPDATED, source.partition] or 0) <= source.offset
    since = time.monotonic()
    eventually(lambda: len(lettered(case, bad)) == len(bad), "all letters are there", seconds=60)
    case.recovered = time.monotonic() - since
    case.holds(twice=0)


def lettered(case: Case, sources: list[Source]) -> set[str]:
    """Those that have a letter."""
    found = {str(letter.source) for letters in case.shop.letters().values() for letter, _ in letters}
    return found & {str(each) for each in sources}


@pytest.mark.full
def test_a_clock_that_is_ahead(own_scene: Scenes, make_case: MakeCase) -> None:
    """Kafka refuses outcomes for their time: the worker ends and says that, not that Kafka is away; nothing is passed.

    It is the topic that is set to take no time but the broker's own: a clock an hour ahead gets the same answer.
    """
    scene = own_scene()
    [worker] = scene.crew.ready()
    case = make_case("a clock that is ahead", scene)
    case.told(case.send(case.new(5)))
    scene.shop.at_rest()
    committed = scene.shop.all_committed()
    with configured(scene.shop.settings, INDEXED, {"message.timestamp.before.max.ms": "1"}):
        case.send(case.new(20))
        eventually(lambda: not worker.running, "the worker has stopped itself", seconds=60)
        last = worker.log().strip().splitlines()[-1]
        assert worker.process.returncode == 1, worker.log()
        assert "INVALID_TIMESTAMP" in last
        assert "this machine's clock says" in last
        assert "away" not in last
        assert scene.shop.all_committed() == committed
    scene.crew.ready()
    case.holds()


@pytest.mark.full
def test_a_fresh_group_whose_first_event_fails(own_scene: Scenes, make_case: MakeCase) -> None:
    """The first of each partition is bad or slow; a kill before it is done loses nothing, and nothing is passed."""
    scene = own_scene()
    case = make_case("a fresh group, its first event fails", scene)
    case.gate.clear()
    slow = case.send(case.new(24))
    case.gate.set()
    case.send(bad_payloads(case, 24))
    case.publish(60)
    case.gate.clear()
    scene.crew.start()
    eventually(case.all_asked, "the first events are in work")
    committed = scene.shop.all_committed()
    for source in slow:
        assert (committed[CREATED, source.partition] or 0) <= source.offset
    scene.crew.kill(scene.crew.members[0])
    case.gate.set()
    scene.crew.start()
    case.holds(twice=24)


@pytest.mark.full
def test_gaps_of_transactions(own_scene: Scenes, make_case: MakeCase) -> None:
    """Markers and aborted records leave gaps in the offsets, while events finish out of order and the worker dies."""
    scene = own_scene()
    case = make_case("gaps of transactions", scene)
    client = producer(scene.shop.settings, transactional_id=next_prefix() + "publisher")
    client.init_transactions(30)
    for number in range(10):
        client.begin_transaction()
        made = case.new(6)
        if number % 3 == 2:  # said, and taken back
            for each in made:
                client.produce(scene.shop.settings.named(each.topic), each.value, each.key)
            client.flush(30)
            client.abort_transaction(30)
            continue
        case.publisher.send(made, client)
        client.commit_transaction(30)
    scene.crew.start()
    eventually(lambda: len(scene.shop.outcomes()) > 10, "some are done")
    scene.crew.kill(scene.crew.members[0])
    scene.crew.start()
    case.holds()


@pytest.mark.full
def test_gaps_of_compaction(own_scene: Scenes, make_case: MakeCase) -> None:
    """Most records of a key are gone before anybody read them; what is left is done, out of order, across a kill."""
    scene = own_scene()
    case = make_case("gaps of compaction", scene)
    settings = scene.shop.settings
    quick = {"segment.ms": "500", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "1000"}
    with configured(settings, UPDATED, quick):
        pictures = [case.path() for _ in range(24)]
        sent: list[Source] = []
        for version in range(1, 9):
            sent += case.send(
                [
                    case.listing(
                        path, f"{case.tag}{number}", version, topic=UPDATED, price_minor=version, currency="EUR"
                    )
                    for number, path in enumerate(pictures)
                ]
            )
            time.sleep(0.6)
        case.send(case.new(24, topic=UPDATED))  # rolls the segment of every partition
        eventually(lambda: len(scene.shop.all_events()) < len(sent) // 2, "the log is compacted", seconds=60)
        scene.crew.start()
        eventually(lambda: len(scene.shop.outcomes()) > 5, "some are done")
        scene.crew.kill(scene.crew.members[0])
        scene.crew.start()
        case.holds()


@pytest.mark.full
def test_more_workers_than_partitions(own_scene: Scenes, make_case: MakeCase) -> None:
    """One has nothing to do, and takes over when another dies."""
    scene = own_scene(partitions=2)
    case = make_case("3 workers, 2 partitions", scene)
    workers = scene.crew.ready(3)
    idle = [worker for worker in workers if not partitions(worker)]
    assert len(idle) == 1
    sources = case.send(case.new(40))
    scene.crew.kill(next(worker for worker in workers if worker not in idle))
    case.told(sources)
    eventually(lambda: len(partitions(idle[0])) == 1, "the idle one has a partition")
    case.publish(60)
    case.holds()
