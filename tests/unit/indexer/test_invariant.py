"""The invariant, attacked where it is cheap: thousands of orders in which things can happen, on plain values.

`HYPOTHESIS_PROFILE=thorough` tries far more of them, other ones each time.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.errors import Broken
from streams.watermark import Watermark
from world import BAD, GOOD, OTHER, TOPICS, World


class WatermarkMachine(RuleBasedStateMachine):
    """A partition's watermark against two sets: what was begun, and what is finished."""

    @initialize(first=st.integers(0, 5))
    def assigned(self, first: int) -> None:
        """Offsets may begin anywhere."""
        self.mark, self.next, self.first = Watermark(), first, first
        self.begun: set[int] = set()
        self.finished: set[int] = set()
        self.closed = False

    @rule(gap=st.integers(0, 3))
    def begin(self, gap: int) -> None:
        """A record comes; offsets that the log has no record for are passed over."""
        offset = self.next + (gap if self.begun else 0)
        assert self.mark.begin(offset)
        self.begun.add(offset)
        self.next = offset + 1

    @rule(back=st.integers(1, 9))
    def begin_again(self, back: int) -> None:
        """A record delivered twice is done once; one from before the assignment is a fault."""
        offset = self.next - back
        if self.begun and offset >= self.first:
            assert not self.mark.begin(offset)
        elif self.begun and offset >= 0:
            with pytest.raises(Broken):
                self.mark.begin(offset)

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """In any order."""
        if open_ones := sorted(self.begun - self.finished):
            offset = data.draw(st.sampled_from(open_ones))
            self.mark.finish(offset)
            self.finished.add(offset)

    @rule()
    def close(self) -> None:
        """The partition goes to another worker."""
        self.mark.close()
        self.closed = True

    @invariant()
    def never_past_what_is_unfinished(self) -> None:
        """And always as far as it can be."""
        if not hasattr(self, "mark"):
            return
        expected = min(self.begun - self.finished, default=self.next) if self.begun else None
        assert self.mark.committable == (None if self.closed else expected)


listings = st.sampled_from(["m1", "m2", "m3"])


class InvariantMachine(RuleBasedStateMachine):
    """Two workers, killed, revoked and overtaken between any two of their steps."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(
        listing_id=listings,
        version=st.integers(0, 4),
        url=st.sampled_from([GOOD, GOOD, OTHER, BAD]),
        status=st.sampled_from(["on_sale", "on_sale", "on_sale", "sold_out", "removed"]),
        topic=st.sampled_from(TOPICS),
        timestamp=st.integers(1_000, 1_001),
    )
    def publish(self, **event: Any) -> None:
        """Any version at any time: late, twice, with other content."""
        self.world.change(**event)

    @rule(listing_id=listings)
    def publish_nonsense(self, listing_id: str) -> None:
        """Nobody can read it."""
        self.world.nonsense(listing_id)

    @rule(data=st.data(), refetch=st.booleans())
    def put_back(self, data: st.DataObject, refetch: bool) -> None:
        """An event once more, of whatever age, and however it ended."""
        if records := [record for place in self.world.log.values() for record in place]:
            self.world.copy(data.draw(st.sampled_from(records)), refetch=refetch)

    @rule(who=st.integers(0, 1), data=st.data())
    def take(self, who: int, data: st.DataObject) -> None:
        """Some records of a partition come."""
        worker = self.world.workers[who]
        if worker.marks:
            place = data.draw(st.sampled_from(sorted(worker.marks)))
            for _ in range(data.draw(st.integers(1, 3))):
                worker.take(place)

    @rule(who=st.integers(0, 1))
    def plan(self, who: int) -> None:
        """A batch is folded and guarded."""
        self.world.workers[who].plan()

    @rule(who=st.integers(0, 1))
    def a_quiet_hour(self, who: int) -> None:
        """All that is there is worked off; what comes after it finds it stored."""
        self.world.workers[who].drain()

    @rule(who=st.integers(0, 1), data=st.data(), away=st.booleans())
    def draw(self, who: int, data: st.DataObject, away: bool) -> None:
        """Some picture is ready, or can't be had."""
        worker = self.world.workers[who]
        if worker.drawing:
            worker.draw(data.draw(st.integers(0, len(worker.drawing) - 1)), away=away)

    @rule(who=st.integers(0, 1))
    def write(self, who: int) -> None:
        """A batch is guarded again and written."""
        self.world.workers[who].write()

    @rule(who=st.integers(0, 1))
    def die_in_the_middle_of_a_write(self, who: int) -> None:
        """The store has it, or half of it, and nobody was told."""
        self.world.store.deadly = True
        self.world.workers[who].drain()
        self.world.store.deadly = False

    @rule(who=st.integers(0, 1))
    def confirm(self, who: int) -> None:
        """Kafka has the outcomes and letters."""
        self.world.workers[who].confirm()

    @rule(who=st.integers(0, 1))
    def commit(self, who: int) -> None:
        """As far as each partition is done."""
        self.world.workers[who].commit()

    @rule(who=st.integers(0, 1))
    def kill(self, who: int) -> None:
        """SIGKILL: all that was not committed is read again."""
        self.world.kill(self.world.workers[who])

    @rule(number=st.integers(0, 1))
    def move(self, number: int) -> None:
        """A rebalance."""
        self.world.move(number)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What is committed has its end, nothing is stored that no event explains, and nothing goes back."""
        report = self.world.report()
        assert report.right, report

    def teardown(self) -> None:
        """At rest every event has its end, and everything is committed."""
        self.world.drain()
        report = self.world.report()
        assert report.right, report
        assert report.ends["pending"] == 0, report
        for place, records in self.world.log.items():
            assert self.world.committed[place] == (records[-1].source.offset + 1 if records else 0)


def test_killed_between_the_tombstone_and_the_delete() -> None:
    """Whoever reads the removal again finds its tombstone, and the row, and deletes it."""
    world = World()
    world.change("m1", 1, "on_sale", GOOD, TOPICS[0], 1_000)
    world.drain()
    world.change("m1", 2, "removed", GOOD, TOPICS[1], 1_000)
    world.store.deadly = True
    for worker in world.workers:
        worker.drain()
    assert world.store.rows.keys() == world.store.graves.keys() == {"m1"}
    assert world.report().right, "it is pending"
    world.drain()
    assert not world.store.rows
    assert world.report().right


TestWatermark = WatermarkMachine.TestCase
TestInvariant = InvariantMachine.TestCase
TestInvariant.settings = settings(max_examples=2 * settings().max_examples)
