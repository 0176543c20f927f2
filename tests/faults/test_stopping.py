"""SIGTERM while everything else goes wrong: exit 0 within the grace time, and the next worker does the rest."""

import signal
import time
from collections.abc import Callable

import pytest

from awaiting import eventually
from faults.case import Case
from faults.scene import Scene

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
GRACE = 15.0
"""The default of --grace."""


def _fetch_hangs(case: Case) -> None:
    case.gate.clear()


def _milvus_refuses(case: Case) -> None:
    case.scene.store.proxy.refuse()


def _milvus_is_silent(case: Case) -> None:
    case.scene.store.proxy.hold()


def _kafka_refuses(case: Case) -> None:
    case.ground.kafka_proxy.refuse()


def _kafka_is_silent(case: Case) -> None:
    case.ground.kafka_proxy.hold()


@pytest.mark.parametrize(
    "fault",
    [
        _fetch_hangs,
        pytest.param(_milvus_refuses, marks=pytest.mark.full),
        pytest.param(_milvus_is_silent, marks=pytest.mark.full),
        pytest.param(_kafka_refuses, marks=pytest.mark.full),
        pytest.param(_kafka_is_silent, marks=pytest.mark.full),
    ],
)
def test_stopped_while(scenes: Scenes, make_case: MakeCase, fault: Callable[[Case], None]) -> None:
    """Asked once or three times, by either signal, it ends well and in time; the next worker does what was left."""
    scene = scenes()
    [worker] = scene.crew.ready()
    case = make_case(f"SIGTERM, {fault.__name__.strip('_').replace('_', ' ')}", scene)
    case.told(case.send(case.new(20)))
    fetching = fault is _fetch_hangs
    if fetching:
        fault(case)
    sources = case.send(case.new(40))
    if fetching:
        eventually(case.all_asked, "every picture is asked for")
    else:
        eventually(lambda: len(case.shop.outcomes()) > 20, "it is at work")
        fault(case)
        time.sleep(3.0)  # long enough that whatever it is in the middle of has met the fault
    asked_at = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        worker.process.send_signal(number)
        time.sleep(0.3)
    try:
        assert worker.process.wait(GRACE + 5) == 0, worker.log()
        assert time.monotonic() - asked_at < GRACE + 2  # and the interpreter's own end on a busy machine
    finally:
        case.gate.set()
        case.ground.heal()
    scene.crew.ready()
    case.told(sources, seconds=120)
    case.holds()
