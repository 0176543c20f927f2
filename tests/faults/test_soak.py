"""Random faults from a seed for as long as asked: the invariant holds at the end, and nothing has grown."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from faults.case import Case
from faults.chosen import SOAK_MINUTES
from faults.publishing import publishing
from faults.scene import Scene
from faults.slopes import slope, slopes
from faults.watch import Sample, sample
from program import IndexWorker

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
RATE = 20
CALM_SECONDS = (2.0, 8.0)
FAULT_SECONDS = (0.5, 12.0)


class Chaos:
    """Faults, one after the other; the first worker of the crew is watched, and lives through all of them."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self._scene, self._chance = scene, chance
        self._faults: dict[str, Callable[[], None]] = {
            "a worker killed": lambda: self._end(killed=True),
            "a worker stopped": lambda: self._end(killed=False),
            "a worker frozen": self._freeze,
            "broker restarted": lambda: scene.ground.kafka.restart(down=self._while() / 4),
            "broker killed": lambda: scene.ground.kafka.restart(down=self._while() / 4, kill=True),
            "Kafka cut": scene.ground.kafka_proxy.cut,
            "Kafka silent": lambda: self._for_a_while(scene.ground.kafka_proxy.hold),
            "Kafka slow": lambda: self._for_a_while(lambda: scene.ground.kafka_proxy.slow(delay=0.2, rate=50_000)),
            "Milvus killed": lambda: scene.store.part.restart(down=self._while() / 2, kill=True),
            "Milvus cut": scene.store.proxy.cut,
            "Milvus refuses": lambda: self._for_a_while(scene.store.proxy.refuse),
            "Milvus silent": lambda: self._for_a_while(scene.store.proxy.hold),
            "Milvus slow": lambda: self._for_a_while(lambda: scene.store.proxy.slow(delay=0.3, rate=200_000)),
        }
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """One fault, to its end."""
        name = self._chance.choice(list(self._faults))
        self.done[name] += 1
        self._faults[name]()
        self._scene.ground.heal()

    def calm(self) -> None:
        """A pause."""
        time.sleep(self._chance.uniform(*CALM_SECONDS))

    def _while(self) -> float:
        return self._chance.uniform(*FAULT_SECONDS)

    def _for_a_while(self, fault: Callable[[], None]) -> None:
        fault()
        time.sleep(self._while())

    def _end(self, *, killed: bool) -> None:
        crew = self._scene.crew
        second = self._second()
        if killed:
            crew.kill(second)
        else:
            crew.dismiss(second)
        crew.start()

    def _freeze(self) -> None:
        second = self._second()
        second.freeze()
        time.sleep(self._while())
        second.thaw()

    def _second(self) -> IndexWorker:
        """The other worker; started again where a fault of before has ended it, as a supervisor would."""
        crew = self._scene.crew
        for worker in [each for each in crew.members[1:] if not each.running]:
            crew.members.remove(worker)
            worker.close()
        return crew.members[1] if len(crew.members) > 1 else crew.start()


@pytest.mark.soak
def test_soak(scenes: Scenes, make_case: MakeCase, capsys: pytest.CaptureFixture[str]) -> None:
    """Two workers, constant publishing, one fault after the other."""
    scene = scenes()
    watched, _ = scene.crew.ready(2)
    case = make_case(f"soak of {SOAK_MINUTES:.0f} minutes", scene)
    chaos = Chaos(scene, random.Random(case.seed))  # noqa: S311 - no secret
    samples: list[Sample] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(2.0):
            samples.append(sample(watched.process.pid))

    watcher = threading.Thread(target=watch, name="soak-watch", daemon=True)
    ends_at = time.monotonic() + SOAK_MINUTES * 60
    watcher.start()
    try:
        with publishing(case.publisher, case.histories, rate=RATE):
            while time.monotonic() < ends_at:
                chaos.calm()
                chaos.strike()
                assert watched.running, watched.log()[-5_000:]
                with capsys.disabled():
                    print(f"  {ends_at - time.monotonic():5.0f} s left, {dict(chaos.done)}", flush=True)  # noqa: T201
    finally:
        over.set()
        watcher.join()
    report = case.report(seconds=300)
    found = slopes(samples)
    with capsys.disabled():
        print(f"\n{report}", *found, f"faults: {dict(chaos.done)}", sep="\n", flush=True)  # noqa: T201
    case.note = f"{chaos.done.total()} faults"
    case.holds()
    assert all(each.flat for each in found)


def test_the_slope_of_a_line() -> None:
    """A verdict that could not say `grows` would be none."""
    assert slope([0, 1, 2, 3], [1, 3, 5, 7]) == pytest.approx(2)
    leaking = [Sample(float(at), 300_000_000 + at * 100_000, 0.0, 20, 50) for at in range(1_800)]
    memory, threads, files = slopes(leaking)
    assert not memory.flat
    assert threads.flat
    assert files.flat
