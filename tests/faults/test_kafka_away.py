"""Kafka restarts, goes away, falls silent: nothing is lost, memory stays flat, the workers find back by themselves."""

import time
from collections.abc import Callable

import pytest

from faults.case import Case
from faults.chosen import OUTAGE
from faults.publishing import publishing
from faults.scene import DEFAULT_IN_HAND, Scene
from faults.watch import watched
from workers.local.kafka import is_ready
from workers.local.ports import kafka_address

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
RECOVERS_WITHIN = 15.0
RATE = 50


def serves(scene: Scene) -> bool:
    """Whether the broker answers the test, and the workers' way to it is open."""
    return is_ready(kafka_address(scene.shop.settings))


@pytest.mark.parametrize("kill", [False, pytest.param(True, marks=pytest.mark.full)], ids=["orderly", "killed"])
def test_broker_restarted(scenes: Scenes, make_case: MakeCase, *, kill: bool) -> None:
    """In the middle of a publication."""
    scene = scenes()
    scene.crew.ready()
    case = make_case(f"broker {'killed and ' if kill else ''}restarted", scene)
    with publishing(case.publisher, case.histories, rate=RATE):
        time.sleep(1.0)
        scene.ground.kafka.restart(kill=kill)
        case.recovers(lambda: serves(scene), within=RECOVERS_WITHIN)
    case.holds()


@pytest.mark.full
@pytest.mark.parametrize("how", ["gone", "silent", "slow"])
def test_broker_away(scenes: Scenes, make_case: MakeCase, how: str) -> None:
    """For a minute, under constant publishing: memory flat, no busy loop, the same worker goes on."""
    scene = scenes("lite", DEFAULT_IN_HAND)
    [worker] = scene.crew.ready()
    case = make_case(f"broker {how} for {OUTAGE:.0f} s", scene)
    proxy = scene.ground.kafka_proxy
    case.publish(200)
    with publishing(case.publisher, case.histories, rate=RATE):
        time.sleep(1.0)
        with watched(worker.process.pid) as watch:
            if how == "gone":
                scene.ground.kafka.kill()
            elif how == "silent":
                proxy.hold()
            else:
                proxy.slow(delay=0.3, rate=20_000)
            time.sleep(OUTAGE)
        if how == "gone":
            scene.ground.kafka.start()
        proxy.heal()
        case.recovers(lambda: serves(scene), within=RECOVERS_WITHIN)
    case.note = f"memory +{watch.growth:.0f} MB, {watch.busy:.0%} of a core"
    assert watch.growth < 100
    if how != "slow":
        assert watch.busy < 0.5
    assert worker.running, worker.log()
    case.holds()
    assert len(scene.crew.group_members()) == 1


@pytest.mark.full
def test_connections_cut_again_and_again(scenes: Scenes, make_case: MakeCase) -> None:
    """A network that resets every connection every second: commits and outcomes fail in every place."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("connections to Kafka cut", scene)
    with publishing(case.publisher, case.histories, rate=RATE):
        for _ in range(max(4, round(OUTAGE / 4))):
            time.sleep(1.0)
            scene.ground.kafka_proxy.cut()
        case.recovers(lambda: serves(scene), within=RECOVERS_WITHIN)
    case.holds()


@pytest.mark.full
def test_commits_do_not_arrive(scenes: Scenes, make_case: MakeCase) -> None:
    """What the workers say to Kafka is held back past the session timeout: the seat is lost, and taken again."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("commits held past the session", scene)
    with publishing(case.publisher, case.histories, rate=RATE):
        time.sleep(1.0)
        scene.ground.kafka_proxy.hold("up")
        time.sleep(14.0)
        scene.ground.kafka_proxy.heal()
        case.recovers(lambda: serves(scene), within=RECOVERS_WITHIN)
    case.holds()
