"""Histories of listings with no fault but their own: the ground of all other cases."""

from collections.abc import Callable

import pytest

from faults.case import Case
from faults.scene import Scene
from streams.topics import UPDATED

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]


@pytest.mark.parametrize("store", ["lite", pytest.param("standalone", marks=pytest.mark.full)])
def test_histories(scenes: Scenes, make_case: MakeCase, store: str) -> None:
    """Every event ends as the ledger says, copies that were put back too; a second delivery changes nothing."""
    scene = scenes(store)
    scene.crew.ready()
    case = make_case(f"histories on {store}", scene)
    case.publish(300)
    case.put_back(30)
    case.publish(100)
    case.holds()


def test_the_same_event_a_hundred_times(scenes: Scenes, make_case: MakeCase) -> None:
    """The work is done once."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("one event 100 times", scene)
    [made] = case.new(1)
    case.send([made] * 100)
    case.holds(twice=0)
    case.send([made] * 100)
    case.holds(twice=0)


def test_out_of_order(scenes: Scenes, make_case: MakeCase) -> None:
    """Versions 3, 1, 2; a removal before an older update; one listing many times in a batch: the highest stands."""
    scene = scenes()
    scene.crew.ready()
    case = make_case("out of order", scene)
    versions = (3, 1, 2)
    for _ in range(10):
        path = case.path()
        case.send([case.listing(path, f"{case.tag}o{path[-6:-4]}", number, topic=UPDATED) for number in versions])
    for number in range(10):
        case.send_one_by_one(
            [
                case.listing(case.path(), f"{case.tag}r{number}", 1),
                case.listing("", f"{case.tag}r{number}", 3, topic=UPDATED, status="removed"),
                case.listing(case.path(), f"{case.tag}r{number}", 2, topic=UPDATED),
            ]
        )
    case.send([case.listing(case.path(), f"{case.tag}batch", number, topic=UPDATED) for number in range(50)])
    case.holds()
