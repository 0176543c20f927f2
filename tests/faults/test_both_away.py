"""Kafka and Milvus away at once, each for longer than a worker may stand still: it waits, whichever returns first."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from awaiting import eventually
from faults.case import Case
from faults.scene import Scene
from workers.local.kafka import is_ready
from workers.local.ports import free_port, kafka_address

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
STALL = 12.0
"""Seconds; longer than the ten after which a silent broker is said to be away."""
RECOVERS_WITHIN = 30.0


@pytest.mark.full
@pytest.mark.parametrize("first", ["kafka", "milvus"])
def test_two_outages_that_overlap(own_scene: Scenes, make_case: MakeCase, first: str) -> None:
    """The first that returns does not hide the other, and after both the worker has its full time again: it is never
    stalled, never started again, and says to the end what it waits for."""
    port = free_port()
    scene = own_scene("--stall-seconds", str(STALL), "--metrics-port", str(port))
    [worker] = scene.crew.ready()
    case = make_case(f"both away, {first} returns first", scene)
    case.told(case.send(case.new(5)))
    case.gate.clear()
    case.send(case.new(30))
    eventually(case.all_asked, "events are in hand")
    back: dict[str, Callable[[], None]] = {"kafka": scene.ground.kafka_proxy.heal, "milvus": scene.store.proxy.heal}
    scene.store.proxy.hold()
    case.gate.set()
    named(port, {"milvus"})
    scene.ground.kafka_proxy.hold()
    stands(port, STALL * 1.5)  # for Milvus: while it is away nothing asks Kafka
    back.pop(first)()
    [last] = back
    named(port, {last})
    stands(port, STALL * 1.5)
    assert away(health(port)) == {last}
    back[last]()
    case.recovers(lambda: is_ready(kafka_address(scene.shop.settings)), within=RECOVERS_WITHIN)
    assert worker.running, worker.log()
    assert not [line for line in worker.log().splitlines() if "none was finished" in line]
    case.holds()


def health(port: int) -> dict[str, Any]:
    """What the worker says of itself; the answer 503 of one that is stalled fails the test."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def away(found: dict[str, Any]) -> set[str]:
    """Which of the two a worker waits for; for the group, and for what was taken down, it waits for Kafka."""
    said = re.findall(r"(\w+) has been away", str(found["why"]))
    return {"milvus" if each == "milvus" else "kafka" for each in said}


def named(port: int, services: set[str]) -> None:
    """Wait until these are said to be away, and no others."""
    eventually(lambda: away(health(port)) == services, f"{services} are named", seconds=60)


def stands(port: int, seconds: float) -> None:
    """For so long the worker waits, and is not stalled."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = health(port)
        assert found["state"] == "waiting", found
        time.sleep(0.5)
