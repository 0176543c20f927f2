"""Turns of the decoders: what is slow keeps nobody waiting who has done nothing."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.images.decode_queue import DecodeQueue
from workers.images.limits import DecodeLimits

LIMITS = DecodeLimits(
    slow_seconds=1,
    budget_seconds=1,
    half_life_seconds=60,
    proven_seconds=600,
    line=4,
    remembered=50,
    several=3,
)


def turns(decoders: int = 2, places: int = 64) -> DecodeQueue[str]:
    """Turns, and nothing waits."""
    return DecodeQueue(decoders, places, LIMITS)


def join(ours: DecodeQueue[str], source: str, count: int, first: int = 0) -> list[str]:
    """Pictures of a source: a0, a1, …"""
    items = [f"{source}{number}" for number in range(first, first + count)]
    for item in items:
        ours.join(source, item)
    return items


def spend(ours: DecodeQueue[str], source: str, now: float) -> None:
    """Use the budget of a source up, at once."""
    ours.join(source, f"{source}!")
    assert f"{source}!" in ours.start(now - 10)
    ours.ended(f"{source}!", 10, now)


def test_sources_take_turns() -> None:
    """All decoders are used, and one with many pictures keeps another with one waiting for no more than a turn."""
    ours = turns()
    join(ours, "a", 5)
    join(ours, "b", 1)
    assert ours.start(0) == ["a0", "b0"]
    assert ours.start(0) == []
    ours.ended("b0", 0.1, 0.1)
    assert ours.start(0.1) == ["a1"]
    join(ours, "c", 1)
    ours.ended("a0", 0.1, 0.2)
    ours.ended("a1", 0.1, 0.2)
    assert ours.start(0.2) == ["a2", "c0"]


def test_the_last_decoder_is_not_for_slow_pictures() -> None:
    """A source whose budget is used up has at most one of two; new ones have the other, and both if they are free."""
    ours = turns()
    spend(ours, "slow", 100)
    join(ours, "slow", 3)
    assert ours.start(100) == ["slow0"]
    join(ours, "good", 3)
    assert ours.start(100) == ["good0"]
    ours.ended("good0", 0.1, 101)
    ours.ended("slow0", 10, 110)
    assert ours.start(110) == ["good1", "good2"]


def test_a_new_source_while_several_are_slow() -> None:
    """It shares one decoder with the slow ones unless it was quick before; then it has the other to itself."""
    ours = turns()
    join(ours, "known", 1)
    assert ours.start(0) == ["known0"]
    ours.ended("known0", 0.1, 0.1)
    for name in ("a", "b", "c"):
        spend(ours, name, 100)
    join(ours, "a", 9)
    assert ours.start(100) == ["a0"]
    join(ours, "new", 1)
    assert ours.start(100) == []
    join(ours, "known", 1, first=1)
    assert ours.start(100) == ["known1"]
    ours.ended("known1", 0.1, 100.1)
    ours.ended("a0", 10, 110)
    assert ours.start(110) == ["new0"]


def test_new_names_are_no_way_round() -> None:
    """A slow picture of each of many sources: together they have one decoder, and known sources have the other."""
    ours = turns()
    join(ours, "known", 1)
    assert ours.start(0) == ["known0"]
    ours.ended("known0", 0.1, 0.1)
    for number in range(20):
        join(ours, f"maker{number}.", 1)
    now, waits = 1.0, list[float]()
    for seen in range(1, 60):  # a known source publishes once a second; nobody's picture ends by itself
        join(ours, "known", 1, first=seen)
        since, started = now, ours.start(now)
        while f"known{seen}" not in started:
            now += 0.5
            for item in ours.evict(now):
                ours.stopped(item, now)
            started += ours.start(now)
        waits.append(now - since)
        ours.ended(f"known{seen}", 0.1, now + 0.1)
        now += 1
    assert max(waits) <= 3
    assert not any(waits[3:])  # by then one decoder is kept for those who are known


def test_what_holds_all_decoders_gives_one_up_once() -> None:
    """Only if somebody waits who may; it is the first of its source when its turn comes, and then it may stay."""
    ours = turns()
    join(ours, "slow", 3)
    assert ours.start(0) == ["slow0", "slow1"]
    assert ours.evict(5) == []
    join(ours, "good", 1)
    assert ours.evict(1.0) == []
    assert ours.evict(5) == ["slow0"]
    ours.stopped("slow0", 5)
    assert ours.start(5) == ["good0"]
    ours.ended("good0", 0.1, 5.1)
    ours.ended("slow1", 6, 6)
    assert ours.start(6) == ["slow0"]
    join(ours, "good", 1, first=1)
    assert ours.start(10) == ["good1"]
    assert ours.evict(20) == []


def test_a_budget_comes_back_with_time() -> None:
    """Half of it each minute."""
    ours = turns()
    spend(ours, "slow", 0)
    join(ours, "slow", 4)
    assert ours.start(100) == ["slow0"]
    ours.ended("slow0", 0.1, 100.1)
    assert ours.start(200) == ["slow1", "slow2"]


def test_who_must_not_wait() -> None:
    """Of a source beyond its budget four may; of all half of the places, and new sources before slow ones."""
    ours = turns(places=12)
    spend(ours, "a", 100)
    items = join(ours, "a", 8)
    assert ours.start(100) == ["a0"]
    assert sorted(ours.reject_stuck(100)) == items[5:]
    for name in ("b", "c"):
        ours.join(name, name)
        assert ours.start(100) == [name]
        ours.ended(name, 10, 100)
        join(ours, name, 3)
    join(ours, "new", 3)
    assert sorted(ours.reject_stuck(100)) == ["a4", "b0", "b1", "b2", "c0", "c1", "c2"]
    assert len(turns().reject_stuck(100)) == 0


def test_a_place_for_who_has_fewest() -> None:
    """Where none is left, the last of who has most in work goes, if that has two more; else nobody does."""
    ours = turns()
    join(ours, "a", 5)
    join(ours, "b", 2)
    assert ours.start(0) == ["a0", "b0"]
    assert ours.displace("c") == "a4"
    assert ours.displace("b") == "a3"
    assert ours.displace("a") is None
    assert ours.displace("b") is None
    assert ours.displace("c") == "a2"
    assert ours.displace("c") == "a1"
    assert [ours.displace("c"), ours.displace("c")] == ["b1", None]


def test_quick_pictures_are_never_turned_away() -> None:
    """However many wait."""
    ours = turns(places=4)
    join(ours, "a", 100)
    assert ours.reject_stuck(0) == []


def test_one_decoder() -> None:
    """There is no other to keep: it is given up once."""
    ours = turns(1)
    join(ours, "known", 1)
    assert ours.start(0) == ["known0"]
    ours.ended("known0", 0.1, 0.1)
    join(ours, "slow", 1)
    assert ours.start(1) == ["slow0"]
    join(ours, "known", 1, first=1)
    assert ours.evict(4) == ["slow0"]
    ours.stopped("slow0", 4)
    assert ours.start(4) == ["known1"]
    ours.ended("known1", 0.1, 4.1)
    assert ours.start(5) == ["slow0"]
    join(ours, "known", 1, first=2)
    assert ours.evict(9) == []


def test_what_is_known_is_bounded() -> None:
    """A maker of names is forgotten again."""
    ours = turns()
    for number in range(500):
        spend(ours, f"maker{number}", 100 + number)
    assert len(ours._accounts) <= LIMITS.remembered + 1


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.01, 12)), max_size=40),
    st.integers(1, 3),
    st.integers(2, 20),
)
def test_each_ends_once(pictures: list[tuple[str, float]], decoders: int, places: int) -> None:
    """Whatever comes: never more at once than decoders, and each picture ends or is turned away."""
    ours, now = DecodeQueue[int](decoders, places, replace(LIMITS, half_life_seconds=5)), 0.0
    needed = {number: seconds for number, (_, seconds) in enumerate(pictures)}
    for number, (source, _) in enumerate(pictures):
        ours.join(source, number)
    running: dict[int, float] = {}
    over: list[int] = []
    while len(over) < len(pictures):
        assert now < 2_000
        over += ours.reject_stuck(now)
        for item in ours.evict(now):
            running.pop(item)
            ours.stopped(item, now)
        running |= dict.fromkeys(ours.start(now), now)
        assert len(running) <= decoders
        for item, began in list(running.items()):
            if now - began >= needed[item]:
                ours.ended(item, now - running.pop(item), now)
                over.append(item)
        now += 0.5
    assert sorted(over) == list(needed)


def test_a_decoder_that_is_still_starting_makes_no_picture_slow() -> None:
    """Of pictures that have a decoder, but are not in it yet, none is slow, evicted or a reason to reject others."""
    ready_at = math.inf
    ours = DecodeQueue[str](2, 64, LIMITS, elapsed=lambda _item, now: max(0.0, now - ready_at))
    join(ours, "a", 30)
    join(ours, "b", 1)
    join(ours, "c", 1)
    assert ours.start(0) == ["a0", "b0"]
    assert (ours.evict(60), ours.reject_stuck(60)) == ([], [])
    ready_at = 60
    assert (ours.evict(60.9), ours.reject_stuck(60.9)) == ([], [])
    assert len(ours.reject_stuck(61.1)) == 29 - LIMITS.line
    assert ours.evict(61.1) == ["a0"]
