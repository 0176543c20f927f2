"""The decode queue: slow pictures of one source do not delay other sources."""

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
    max_queued=4,
    remembered=50,
    slow_sources=3,
)


def make_queue(decoders: int = 2, slots: int = 64) -> DecodeQueue[str]:
    """An empty queue."""
    return DecodeQueue(decoders, slots, LIMITS)


def enqueue(queue: DecodeQueue[str], source: str, count: int, first: int = 0) -> list[str]:
    """Queue pictures of a source: a0, a1, …"""
    items = [f"{source}{number}" for number in range(first, first + count)]
    for item in items:
        queue.enqueue(source, item)
    return items


def spend(queue: DecodeQueue[str], source: str, now: float) -> None:
    """Use up the budget of a source with one picture."""
    queue.enqueue(source, f"{source}!")
    assert f"{source}!" in queue.start(now - 10)
    queue.finished(f"{source}!", 10, now)


def test_decoders_rotate_between_sources() -> None:
    """All decoders are used, and a source with many pictures delays one with a single picture by one turn at most."""
    queue = make_queue()
    enqueue(queue, "a", 5)
    enqueue(queue, "b", 1)
    assert queue.start(0) == ["a0", "b0"]
    assert queue.start(0) == []
    queue.finished("b0", 0.1, 0.1)
    assert queue.start(0.1) == ["a1"]
    enqueue(queue, "c", 1)
    queue.finished("a0", 0.1, 0.2)
    queue.finished("a1", 0.1, 0.2)
    assert queue.start(0.2) == ["a2", "c0"]


def test_slow_sources_never_occupy_the_last_decoder() -> None:
    """A source whose budget is used up has at most one of two decoders; new sources may have both."""
    queue = make_queue()
    spend(queue, "slow", 100)
    enqueue(queue, "slow", 3)
    assert queue.start(100) == ["slow0"]
    enqueue(queue, "good", 3)
    assert queue.start(100) == ["good0"]
    queue.finished("good0", 0.1, 101)
    queue.finished("slow0", 10, 110)
    assert queue.start(110) == ["good1", "good2"]


def test_new_sources_share_a_decoder_with_slow_ones_while_several_are_slow() -> None:
    """A new source shares one decoder with the slow ones; the other is reserved for proven sources."""
    queue = make_queue()
    enqueue(queue, "known", 1)
    assert queue.start(0) == ["known0"]
    queue.finished("known0", 0.1, 0.1)
    for name in ("a", "b", "c"):
        spend(queue, name, 100)
    enqueue(queue, "a", 9)
    assert queue.start(100) == ["a0"]
    enqueue(queue, "new", 1)
    assert queue.start(100) == []
    enqueue(queue, "known", 1, first=1)
    assert queue.start(100) == ["known1"]
    queue.finished("known1", 0.1, 100.1)
    queue.finished("a0", 10, 110)
    assert queue.start(110) == ["new0"]


def test_many_new_slow_sources_share_one_decoder() -> None:
    """One slow picture from each of many sources: together they have one decoder; proven sources have the other."""
    queue = make_queue()
    enqueue(queue, "known", 1)
    assert queue.start(0) == ["known0"]
    queue.finished("known0", 0.1, 0.1)
    for number in range(20):
        enqueue(queue, f"maker{number}.", 1)
    now, waits = 1.0, list[float]()
    for seen in range(1, 60):  # the proven source publishes once a second; the slow pictures never finish
        enqueue(queue, "known", 1, first=seen)
        since, started = now, queue.start(now)
        while f"known{seen}" not in started:
            now += 0.5
            for item in queue.evict(now):
                queue.requeue(item, now)
            started += queue.start(now)
        waits.append(now - since)
        queue.finished(f"known{seen}", 0.1, now + 0.1)
        now += 1
    assert max(waits) <= 3
    assert not any(waits[3:])  # by then one decoder is reserved for proven sources


def test_a_picture_that_blocks_all_decoders_is_evicted_once() -> None:
    """Only while a trusted source waits; it is the first of its source to start again, and then stays."""
    queue = make_queue()
    enqueue(queue, "slow", 3)
    assert queue.start(0) == ["slow0", "slow1"]
    assert queue.evict(5) == []
    enqueue(queue, "good", 1)
    assert queue.evict(1.0) == []
    assert queue.evict(5) == ["slow0"]
    queue.requeue("slow0", 5)
    assert queue.start(5) == ["good0"]
    queue.finished("good0", 0.1, 5.1)
    queue.finished("slow1", 6, 6)
    assert queue.start(6) == ["slow0"]
    enqueue(queue, "good", 1, first=1)
    assert queue.start(10) == ["good1"]
    assert queue.evict(20) == []


def test_the_used_budget_halves_each_minute() -> None:
    """A source that has used up its budget is trusted again after some minutes."""
    queue = make_queue()
    spend(queue, "slow", 0)
    enqueue(queue, "slow", 4)
    assert queue.start(100) == ["slow0"]
    queue.finished("slow0", 0.1, 100.1)
    assert queue.start(200) == ["slow1", "slow2"]


def test_untrusted_pictures_over_the_limits_are_rejected() -> None:
    """A source over its budget keeps four queued, all such sources half of the slots, new before slow ones."""
    queue = make_queue(slots=12)
    spend(queue, "a", 100)
    items = enqueue(queue, "a", 8)
    assert queue.start(100) == ["a0"]
    assert sorted(queue.reject_stuck(100)) == items[5:]
    for name in ("b", "c"):
        queue.enqueue(name, name)
        assert queue.start(100) == [name]
        queue.finished(name, 10, 100)
        enqueue(queue, name, 3)
    enqueue(queue, "new", 3)
    assert sorted(queue.reject_stuck(100)) == ["a4", "b0", "b1", "b2", "c0", "c1", "c2"]
    assert len(make_queue().reject_stuck(100)) == 0


def test_the_source_with_most_pictures_is_displaced() -> None:
    """Its last picture is removed, if it has at least two more than the other; else none is."""
    queue = make_queue()
    enqueue(queue, "a", 5)
    enqueue(queue, "b", 2)
    assert queue.start(0) == ["a0", "b0"]
    assert queue.displace("c") == "a4"
    assert queue.displace("b") == "a3"
    assert queue.displace("a") is None
    assert queue.displace("b") is None
    assert queue.displace("c") == "a2"
    assert queue.displace("c") == "a1"
    assert [queue.displace("c"), queue.displace("c")] == ["b1", None]


def test_pictures_of_trusted_sources_are_never_rejected() -> None:
    """However many are queued."""
    queue = make_queue(slots=4)
    enqueue(queue, "a", 100)
    assert queue.reject_stuck(0) == []


def test_a_single_decoder_is_evicted_once() -> None:
    """No decoder can be reserved; the slow picture is evicted once."""
    queue = make_queue(1)
    enqueue(queue, "known", 1)
    assert queue.start(0) == ["known0"]
    queue.finished("known0", 0.1, 0.1)
    enqueue(queue, "slow", 1)
    assert queue.start(1) == ["slow0"]
    enqueue(queue, "known", 1, first=1)
    assert queue.evict(4) == ["slow0"]
    queue.requeue("slow0", 4)
    assert queue.start(4) == ["known1"]
    queue.finished("known1", 0.1, 4.1)
    assert queue.start(5) == ["slow0"]
    enqueue(queue, "known", 1, first=2)
    assert queue.evict(9) == []


def test_accounts_are_bounded() -> None:
    """Accounts of made-up sources are evicted."""
    queue = make_queue()
    for number in range(500):
        spend(queue, f"maker{number}", 100 + number)
    assert len(queue._accounts) <= LIMITS.remembered + 1


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.01, 12)), max_size=40),
    st.integers(1, 3),
    st.integers(2, 20),
)
def test_each_picture_finishes_once(pictures: list[tuple[str, float]], decoders: int, slots: int) -> None:
    """Never more pictures run than there are decoders, and each finishes or is rejected, exactly once."""
    queue, now = DecodeQueue[int](decoders, slots, replace(LIMITS, half_life_seconds=5)), 0.0
    needed = {number: seconds for number, (_, seconds) in enumerate(pictures)}
    for number, (source, _) in enumerate(pictures):
        queue.enqueue(source, number)
    running: dict[int, float] = {}
    over: list[int] = []
    while len(over) < len(pictures):
        assert now < 2_000
        over += queue.reject_stuck(now)
        for item in queue.evict(now):
            running.pop(item)
            queue.requeue(item, now)
        running |= dict.fromkeys(queue.start(now), now)
        assert len(running) <= decoders
        for item, began in list(running.items()):
            if now - began >= needed[item]:
                queue.finished(item, now - running.pop(item), now)
                over.append(item)
        now += 0.5
    assert sorted(over) == list(needed)


def test_a_decoder_that_is_still_starting_makes_no_picture_slow() -> None:
    """A picture whose decoder is not ready yet is not slow, not evicted, and no reason to reject others."""
    ready_at = math.inf
    queue = DecodeQueue[str](2, 64, LIMITS, elapsed=lambda _item, now: max(0.0, now - ready_at))
    enqueue(queue, "a", 30)
    enqueue(queue, "b", 1)
    enqueue(queue, "c", 1)
    assert queue.start(0) == ["a0", "b0"]
    assert (queue.evict(60), queue.reject_stuck(60)) == ([], [])
    ready_at = 60
    assert (queue.evict(60.9), queue.reject_stuck(60.9)) == ([], [])
    assert len(queue.reject_stuck(61.1)) == 29 - LIMITS.max_queued
    assert queue.evict(61.1) == ["a0"]
