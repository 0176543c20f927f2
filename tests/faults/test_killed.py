"""Workers that are killed, stopped, joined and left, at the moments that matter."""

import random
import time
from collections.abc import Callable, Sequence

import pytest

from awaiting import eventually
from faults.case import Case
from faults.chosen import OUTAGE
from faults.publishing import publishing
from faults.scene import IN_HAND, Scene, partitions
from schemas.source import Source
from workers.indexer.faust.app import SESSION_SECONDS

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
RECOVERS_WITHIN = SESSION_SECONDS + 10


@pytest.fixture
def scene(scenes: Scenes) -> Scene:
    """On Milvus Lite, with workers of a small capacity: the most that each may do again."""
    return scenes()


def recovers(case: Case, killed_at: float, sources: Sequence[Source]) -> None:
    """What the killed worker had in hand is done by another, within the session timeout and ten seconds."""
    case.told(sources)
    case.recovered = time.monotonic() - killed_at
    assert case.recovered <= RECOVERS_WITHIN


def test_killed_between_upsert_and_commit(scene: Scene, make_case: MakeCase) -> None:
    """The row is there, its outcome and its commit are not: the next worker sees that it is done, and says so."""
    victim, _ = scene.crew.ready(2)
    case = make_case("SIGKILL between upsert and commit", scene)
    case.gate.clear()
    made = case.new(20)
    sources = case.send(made)
    eventually(case.all_asked, "every picture is asked for")
    scene.ground.kafka_proxy.hold("up")
    case.gate.set()
    ids = [each.listing_id for each in made]
    eventually(lambda: all(known.row for known in scene.shop.known_all(ids).values()), "the rows are written")
    assert not set(ids) & {outcome.listing_id for told in scene.shop.outcomes().values() for outcome in told}
    scene.crew.kill(victim)
    killed_at = time.monotonic()
    scene.ground.kafka_proxy.heal()
    recovers(case, killed_at, sources)
    case.publish(50)
    case.holds(twice=0)


@pytest.mark.full
def test_killed_between_fetch_and_upsert(scene: Scene, make_case: MakeCase) -> None:
    """The pictures are in memory, and the rows are not: all is done again, by no more than the workers had in hand."""
    victim, other = scene.crew.ready(2)
    for worker in (victim, other):
        started = eventually(lambda worker=worker: worker.events("started"), "it prints its capacity")  # type: ignore[misc]
        assert started[0]["in_hand"] == IN_HAND
    case = make_case("SIGKILL between fetch and upsert", scene)
    case.gate.clear()
    published = case.new(200)
    sources = case.send(published)
    eventually(lambda: case.asked().total() > IN_HAND, "the pictures of both are asked for")
    scene.store.proxy.hold()
    case.gate.set()
    time.sleep(1.0)  # what is fetched goes on to the encoder; nothing of it can be seen from outside
    its_own = partitions(victim)
    scene.crew.kill(victim)
    killed_at = time.monotonic()
    asked = case.asked()
    assert asked.total() <= 2 * IN_HAND, "more was in hand than may be"
    # The rest of the 200 waits in Kafka for whoever comes to it: that it is done is asked below, of all of them.
    in_hand = [
        source
        for made, source in zip(published, sources, strict=True)
        if source.partition in its_own and asked[f"/{made.listing_id}.jpg"]
    ]
    assert in_hand
    scene.store.proxy.heal()
    recovers(case, killed_at, in_hand)
    case.holds(twice=2 * IN_HAND)


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.full)])
def test_killed_at_any_moment(scene: Scene, make_case: MakeCase, kills: int) -> None:
    """One of two workers dies again and again while events keep coming."""
    case = make_case(f"SIGKILL at random, {kills} times", scene)
    moments = random.Random(case.seed)  # noqa: S311 - no secret
    sources: list[Source] = []
    for _ in range(kills):
        workers = scene.crew.ready(2)
        with publishing(case.publisher, case.histories, rate=40):
            sources += case.send(case.new(60))
            time.sleep(moments.uniform(0.0, 2.0))
            scene.crew.kill(moments.choice(workers))
            killed_at = time.monotonic()
            time.sleep(2.0)
    recovers(case, killed_at, sources)
    case.holds(twice=2 * IN_HAND * kills)  # a rebalance takes what is in hand from both workers


def test_stopped_in_the_middle(scene: Scene, make_case: MakeCase) -> None:
    """SIGTERM in a slow batch: exit 0 within the grace time, and nothing is committed that is not done."""
    scene.crew.ready(1)
    case = make_case("SIGTERM in a batch", scene)
    case.told(case.send(case.new(48)))  # on every partition something is done before
    scene.shop.at_rest()
    case.gate.clear()
    sources = case.send(case.new(40))
    eventually(case.all_asked, "every picture is asked for")
    [worker] = scene.crew.members
    asked_at = time.monotonic()
    scene.crew.dismiss(worker)
    assert time.monotonic() - asked_at < 20
    committed = scene.shop.all_committed()
    for source in sources:
        place = source.topic.removeprefix(scene.shop.settings.prefix), source.partition
        assert (committed[place] or 0) <= source.offset
    case.gate.set()
    scene.crew.start()
    started_at = time.monotonic()
    case.told(sources)
    case.recovered = time.monotonic() - started_at
    case.holds(twice=40)


@pytest.mark.full
def test_joins_and_leaves_while_a_batch_is_slow(scene: Scene, make_case: MakeCase) -> None:
    """Partitions move while their events are in hand: nothing is lost, nothing is written by two."""
    scene.crew.ready(1)
    case = make_case("a worker joins and leaves", scene)
    with publishing(case.publisher, case.histories, rate=40):
        case.gate.clear()
        sources = case.send(case.new(50))
        eventually(lambda: case.asked().total() >= 40, "the pictures are asked for")
        second = scene.crew.start()
        eventually(lambda: len(partitions(second)) == 6, "half of the partitions moved")
        case.gate.set()
        time.sleep(min(OUTAGE, 10.0))
        case.gate.clear()
        sources += case.send(case.new(50))
        time.sleep(2.0)
        scene.crew.dismiss(second)
        case.gate.set()
    case.told(sources)
    case.holds(twice=IN_HAND * 4)
