"""Pictures that are meant to hold the decoders, made by one seller or by many; a bystander does not notice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faults.bystander import Bystander, assert_unharmed
from faults.case import Case
from faults.chosen import OUTAGE
from faults.histories import Made
from faults.scene import Scene
from odd_pictures import many_chunks, many_scans, segment, slow_to_decode, with_segment
from pictures import jpeg

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
HALF_ANSWERS = Path(__file__).parents[1] / "support" / "half_answers"
SLOW = 20
"""Pictures of 2 s each in the short form; a minute of a decoder for an outage of a minute."""


def _listings(
    case: Case, picture: bytes, name: str, count: int, seller: Callable[[int], str], *, able: bool = False
) -> list[Made]:
    """Listings with this picture, each at an address of its own; `able` says that nothing is wrong with it."""
    paths = [f"/{case.tag}{name}{number}.jpg" for number in range(count)]
    for path in paths:
        case.scene.web.serve(path, picture)
    made = [case.listing(path, seller_id=seller(number)) for number, path in enumerate(paths)]
    return [replace(each, able=able) for each in made]


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_bystander_of_decode_bombs(own_scene: Scenes, make_case: MakeCase) -> None:
    """Files of countless parts, and pictures that take seconds, of one seller and of twenty: each attack comes on top
    of those before, and a good listing of somebody else is found as if they were not there."""
    scene = own_scene("--retry-delays", "4,8" + ",16" * 60)
    scene.crew.ready()
    case = make_case("decode bombs", scene)
    bystander = Bystander.of_case(case)
    quiet = bystander.seconds()
    bombs = [many_scans(7_000, 200), many_chunks(500_000), with_segment(jpeg(1), segment(0xFE, b"") * 1_000_000)]
    count = max(SLOW, round(SLOW * OUTAGE / 60))
    attacked: dict[str, float] = {}
    for number, bomb in enumerate(bombs):
        case.send(_listings(case, bomb, f"bomb{number}.", SLOW, lambda _: "evil"))
    attacked["bombs"] = bystander.seconds()
    case.send(_listings(case, slow_to_decode(), "slow", count, lambda _: "slow", able=True))
    attacked["slow pictures of one seller"] = bystander.seconds()
    case.send(_listings(case, slow_to_decode(), "maker", count, lambda number: f"maker{number}", able=True))
    attacked["slow pictures of many sellers"] = bystander.seconds()
    case.note = f"quiet {quiet:.2f} s, " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in attacked.items())
    for seconds in attacked.values():
        assert_unharmed(quiet, seconds)
    case.holds(seconds=400)


@pytest.mark.timeout(400)
def test_decoders_stop_in_the_middle_of_an_answer(
    own_scene: Scenes, make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an answer, and no more: the picture is refused when its time is up, once; the worker lives, and a good
    listing is found meanwhile."""
    monkeypatch.setenv("PYTHONPATH", str(HALF_ANSWERS))
    scene = own_scene()
    [worker] = scene.crew.ready()
    case = make_case("half an answer", scene)
    bystander = Bystander.of_case(case)
    quiet = bystander.seconds()
    stopping = with_segment(jpeg(3), segment(0xFE, b"half an answer"))
    sources = case.send(_listings(case, stopping, "half", 3, lambda number: f"maker{number}"))
    attacked = bystander.seconds()
    case.note = f"quiet {quiet:.2f} s, meanwhile {attacked:.2f} s"
    assert_unharmed(quiet, attacked)
    assert [each.outcome for each in case.told(sources, seconds=120)] == ["refused"] * 3
    letters = [str(each["error"]) for each in worker.events("dead_letter")]
    assert len(letters) == 3
    assert all("decoding it took longer than 10 s" in each for each in letters)
    assert worker.running, worker.log()
    case.holds()
