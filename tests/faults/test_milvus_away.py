"""Milvus restarts, goes away, falls silent, slows down: the workers wait, keep their seat, and drain afterwards."""

import contextlib
import time
from collections.abc import Callable

import pytest
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from catalogue import next_prefix
from faults.case import Case
from faults.chosen import OUTAGE
from faults.publishing import publishing
from faults.scene import DEFAULT_IN_HAND, Scene
from faults.watch import watched
from rows import source
from streams.errors import SlowDown
from workers.milvus.client import connect
from workers.milvus.collection import prepare
from workers.milvus.row import tombstone_of
from workers.milvus.store import Store

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
RECOVERS_WITHIN = 15.0
RATE = 50
STORES = ["lite", pytest.param("standalone", marks=pytest.mark.full)]


class Probe:
    """The test's own write and Strong read, in a collection of its own."""

    def __init__(self, uri: str) -> None:
        self._uri, self._number = uri, 0
        client = MilvusClient(uri=uri, timeout=10)
        if not client.has_collection("probe"):
            client.create_collection("probe", dimension=2, consistency_level="Strong")
        client.close()

    def __call__(self) -> bool:
        """Whether both succeed."""
        self._number += 1
        row = {"id": self._number, "vector": [1.0, 0.0]}
        try:
            with contextlib.closing(MilvusClient(uri=self._uri, timeout=5)) as client:
                with contextlib.suppress(MilvusException):  # the standalone server loads by itself
                    client.load_collection("probe", timeout=5)
                client.upsert("probe", [row], timeout=5)
                asked = client.query("probe", f"id == {self._number}", consistency_level="Strong", timeout=5)
        except Exception:  # noqa: BLE001 - whatever it says, it is not there yet
            return False
        return len(asked) == 1


def test_a_silent_server_holds_no_call(scenes: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the question and never answers is one that is away: each call has its deadline."""
    scene = scenes()
    chosen = scene.ground.through_proxies(scene.shop.settings).model_copy(update={"prefix": next_prefix()})
    client = connect(chosen)
    calls = Store(client, prepare(client, chosen, scene.shop.model_id, 2))
    monkeypatch.setattr("workers.milvus.store.TIMEOUT_SECONDS", 1.0)
    scene.store.proxy.hold()
    try:
        for call in (
            lambda: calls.known(["a"]),
            lambda: calls.delete_with_tombstone([tombstone_of("a", 1, "removed", source())]),
        ):
            asked_at = time.monotonic()
            with pytest.raises(SlowDown):
                call()
            assert time.monotonic() - asked_at < 5
    finally:
        scene.ground.heal()


@pytest.mark.parametrize("store", STORES)
def test_milvus_killed_and_restarted(scenes: Scenes, make_case: MakeCase, store: str) -> None:
    """SIGKILL after it acknowledged to two who wrote at once: the rows are there afterwards, and the workers go on."""
    scene = scenes(store)
    scene.crew.ready(2)
    case = make_case(f"{store} killed and restarted", scene)
    probe = Probe(scene.store.uri)
    case.told(case.send(case.new(50)))
    scene.store.part.kill()
    case.publish(100)
    scene.store.part.start()
    case.recovers(probe, within=RECOVERS_WITHIN)
    case.holds(twice=0)


@pytest.mark.full
@pytest.mark.parametrize("how", ["gone", "silent"])
@pytest.mark.parametrize("store", ["lite", "standalone"])
def test_milvus_away(scenes: Scenes, make_case: MakeCase, store: str, how: str) -> None:
    """For a minute, under constant publishing: no letter, no commit, the seat kept, memory flat; then it drains."""
    scene = scenes(store, DEFAULT_IN_HAND)
    [worker] = scene.crew.ready()
    case = make_case(f"{store} {how} for {OUTAGE:.0f} s", scene)
    probe = Probe(scene.store.uri)
    case.publish(200)
    scene.shop.at_rest()
    seat, letters = scene.crew.group_members(), len(scene.shop.letters())
    if how == "gone":
        scene.store.part.kill()
    else:
        scene.store.proxy.hold()
    time.sleep(1.0)  # for the commit of what was written before
    committed = scene.shop.all_committed()
    with publishing(case.publisher, case.able_histories(), rate=RATE), watched(worker.process.pid) as watch:
        time.sleep(OUTAGE)
        assert scene.shop.all_committed() == committed
        assert scene.crew.group_members() == seat
    assert len(scene.shop.letters()) == letters
    if how == "gone":
        scene.store.part.start()
    scene.store.proxy.heal()
    case.recovers(probe, within=RECOVERS_WITHIN)
    case.note = f"memory +{watch.growth:.0f} MB, {watch.busy:.0%} of a core"
    assert watch.growth < 100
    assert watch.busy < 0.5
    case.holds(twice=0)


@pytest.mark.full
@pytest.mark.parametrize("store", ["lite", "standalone"])
def test_milvus_slow(scenes: Scenes, make_case: MakeCase, store: str) -> None:
    """Half a second for each answer, and little of it at a time: slow, and nothing else."""
    scene = scenes(store)
    scene.crew.ready()
    case = make_case(f"{store} slow", scene)
    scene.store.proxy.slow(delay=0.5, rate=200_000)
    with publishing(case.publisher, case.histories, rate=RATE):
        time.sleep(min(OUTAGE, 20.0))
    scene.store.proxy.heal()
    case.holds(twice=0)


@pytest.mark.full
def test_connections_cut_again_and_again(scenes: Scenes, make_case: MakeCase) -> None:
    """Upserts fail in their middle, and nobody knows whether they were applied."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("connections to Milvus cut", scene)
    with publishing(case.publisher, case.histories, rate=RATE):
        for _ in range(max(10, round(OUTAGE))):
            time.sleep(0.5)
            scene.store.proxy.cut()
    case.holds()
