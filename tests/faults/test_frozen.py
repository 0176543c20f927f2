"""A worker that is frozen past its session, and what it writes when it wakes."""

import time
from collections.abc import Callable, Sequence

import pytest

from awaiting import eventually
from faults.case import Case
from faults.histories import Made
from faults.scene import Scene, partitions
from program import document, run
from streams.topics import UPDATED
from workers.indexer.faust.app import SESSION_SECONDS

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
UPSERT_BYTES = 8_000
"""An upsert of 24 rows has some 20 kB, a question for 24 rows less than 2."""


@pytest.mark.full
def test_frozen_past_its_session(scenes: Scenes, make_case: MakeCase) -> None:
    """Its partitions go to the other worker, which goes on; awake again, it writes nothing of what it had in hand."""
    scene = scenes()
    frozen, other = scene.crew.ready(2)
    case = make_case("SIGSTOP past the session", scene)
    case.gate.clear()
    old = case.new(24)
    sources = case.send(old)
    eventually(case.all_asked, "every picture is asked for")
    frozen.freeze()
    case.gate.set()
    try:
        eventually(lambda: len(partitions(other)) == 12, "the partitions went over", seconds=SESSION_SECONDS + 20)
        newer = [case.listing(case.path(), made.listing_id, 2, topic=UPDATED) for made in old]
        case.told(case.send(newer))
    finally:
        frozen.thaw()
    woken_at = time.monotonic()
    case.told(sources)
    eventually(scene.crew.shared, "it is a member again", seconds=60)
    case.recovered = time.monotonic() - woken_at
    case.holds()


@pytest.mark.full
def test_milvus_frozen_in_the_write(scenes: Scenes, make_case: MakeCase) -> None:
    """An upsert that timed out may be applied later; here it is the same worker's, which writes in order."""
    scene = scenes()
    scene.crew.ready(1)
    case = make_case("Milvus frozen in a write", scene)
    case.publish(100)
    scene.store.part.freeze()
    time.sleep(12.0)
    case.publish(100)
    scene.store.part.thaw()
    case.holds()


@pytest.mark.full
def test_a_write_that_comes_late(own_scene: Scenes, make_case: MakeCase) -> None:
    """An upsert that stays on its way until another worker has written newer rows puts the old ones over them. No
    client can keep a store without conditional writes from that: the audit finds it, and its repair mends it."""
    scene = own_scene()
    late = scene.crew.start()
    case = make_case("a write that comes late", scene)
    case.gate.clear()
    old = case.new(24)
    case.send(old)
    eventually(case.all_asked, "every picture is asked for")
    scene.store.proxy.trap(UPSERT_BYTES)
    case.gate.set()
    eventually(lambda: scene.store.proxy.trapped, "the upsert is on its way")
    late.freeze()
    scene.crew.start(settings=scene.shop.settings)  # its way to Milvus is free
    newer = case.send([case.listing(case.path(), made.listing_id, 2, topic=UPDATED) for made in old])
    case.told(newer, seconds=150)  # the second worker starts, and the first keeps its seat for a session
    assert versions(case, old) == {2}
    scene.store.proxy.heal()
    eventually(lambda: 1 in versions(case, old), "the late write is applied")
    late.thaw()
    found = case.report()
    assert found.kinds["regressed"] > 0
    told = document(run(scene.shop.settings, "audit", "--json"), 1)
    assert told["stale"] == len([1 for made in old if case.shop.row(made.listing_id)["version"] == 1])
    asked_at = time.monotonic()
    mended = document(run(scene.shop.settings, "audit", "--repair", "--json"))
    case.recovered = time.monotonic() - asked_at
    case.note = f"audit --repair mended {mended['repaired']} of {told['stale']}"
    assert mended["repaired"] == told["stale"]
    case.holds()
    document(run(scene.shop.settings, "audit", "--json"))


def versions(case: Case, made: Sequence[Made]) -> set[int]:
    """The versions of the rows of these listings."""
    return {case.shop.row(each.listing_id)["version"] for each in made}
