"""The fold: the newest event of a listing wins, and what it folds away stays in hand until it is written."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from changes import change, copy_of
from streams.watermark import Watermark
from workers.indexer.config import Capacity
from workers.indexer.fold import Fold
from workers.indexer.guard import Action, decide
from workers.indexer.messages import Queues
from workers.indexer.pending_event import PendingEvent
from workers.indexer.planner import Planner
from workers.indexer.settler import Settler
from workers.indexer.shared import Shared
from workers.indexer.stages import Stages
from workers.milvus.row import Known, row_of, tombstone_of


def test_the_newest_wins() -> None:
    """By version, then by the record's timestamp, topic, partition and offset, in whatever order they came."""
    old, new = change(version=1, offset=9), change(version=2, offset=1)
    fold = Fold()
    assert fold.add([new, old]) == ["m1"]
    assert fold.winner("m1") is new
    assert fold.winner("m2") is None


def test_equal_versions_are_ordered_by_their_source() -> None:
    """The later record is the newer, whatever its offset."""
    sources: list[dict[str, Any]] = [
        {"timestamp": 1},
        {"timestamp": 2, "topic": "a"},
        {"timestamp": 2, "topic": "b"},
        {"timestamp": 2, "topic": "b", "partition": 1},
        {"timestamp": 2, "topic": "b", "partition": 1, "offset": 1},
    ]
    changes = [change(version=7, **source) for source in sources]
    for _ in range(10):
        shuffled = random.sample(changes, len(changes))
        fold = Fold()
        fold.add(shuffled)
        assert fold.settle("m1", changes[-1].order) == changes[::-1]


def test_settled_is_what_was_written_and_all_older_ones() -> None:
    """Newer ones stay in hand."""
    first, second, third = (change(version=version, offset=version) for version in (1, 2, 3))
    fold = Fold()
    fold.add([third, first, second])
    assert fold.settle("m1", second.order) == [second, first]
    assert fold.winner("m1") is third
    assert not fold.holds(first)
    assert fold.settle("m1", third.order) == [third]
    assert fold.winner("m1") is None


def test_a_refetch_is_settled_by_itself() -> None:
    """The event itself, written meanwhile, says nothing of its pictures; something newer settles both."""
    first = change(version=2)
    again, plain = copy_of(first, refetch=True), copy_of(first)
    fold = Fold()
    fold.add([first, again, plain])
    assert fold.settle("m1", first.order, first) == [plain, first]
    assert fold.winner("m1") is again
    assert fold.settle("m1", first.order, again) == [again]
    fold.add([again])
    assert fold.settle("m1", change(version=3).order) == [again]


def test_a_bad_winner_gives_way_to_the_next() -> None:
    """It alone leaves the hand; a second delivery of the same record is a change of its own."""
    old, new, again = change(version=1), change(version=2, offset=1), change(version=2, offset=1)
    fold = Fold()
    fold.add([old, new, again])
    fold.discard(new)
    assert fold.winner("m1") is again
    fold.discard(again)
    assert fold.winner("m1") is old
    fold.discard(old)
    fold.discard(old)
    assert fold.winner("m1") is None


def test_foreign_changes_are_let_go() -> None:
    """Those whose partition went to another worker, and only those."""
    mark = Watermark()
    gone, ours = change("m1", watermark=mark), change("m2")
    also_gone, kept = change("m3", offset=1, watermark=mark), change("m3", version=0)
    fold = Fold()
    fold.add([gone, ours, also_gone, kept])
    mark.release()
    assert set(fold.drop_revoked()) == {gone, also_gone}
    assert (fold.winner("m1"), fold.winner("m2"), fold.winner("m3")) == (None, ours, kept)


def test_one_picture_of_a_listing_at_a_time() -> None:
    """A second waits until the first is over, unless the first is no longer ours."""
    mark = Watermark()
    first, second, other = change(watermark=mark), change(version=2), change("m2")
    fold = Fold()
    assert fold.claim_picture(first)
    assert not fold.claim_picture(second)
    assert fold.claim_picture(other)
    fold.release_picture(second)
    assert not fold.claim_picture(second)
    fold.release_picture(first)
    assert fold.claim_picture(second)
    fold.release_picture(second)
    assert fold.claim_picture(first)
    mark.release()
    assert fold.claim_picture(second)


events = st.tuples(
    st.integers(0, 3),  # version
    st.sampled_from(["on_sale", "sold_out", "hidden", "removed"]),
    st.sampled_from(["a", "b"]),  # its picture
    st.integers(0, 2),  # timestamp
    st.booleans(),  # whether its picture can be had
)


@given(st.lists(events, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_index_is_a_fold_over_the_log(log: list[tuple[int, str, str, int, bool]], chance: random.Random) -> None:
    """Whatever the order of arrival, the borders of batches and the deliveries again: the row or tombstone is that of
    the newest event that can be done, and every event has left the hand."""
    changes = [
        change(version=version, status=status, image_urls=[picture], timestamp=timestamp, offset=offset)
        for offset, (version, status, picture, timestamp, _) in enumerate(log)
    ]
    bad = {id(each) for each, (*_, good) in zip(changes, log, strict=True) if not good}
    arriving = chance.sample(changes, len(changes)) + chance.sample(changes, chance.randrange(len(changes)))
    fold, known = Fold(), Known()
    while arriving:
        batch = [arriving.pop() for _ in range(min(len(arriving), chance.randint(1, 4)))]
        fold.add(batch)
        while (winner := fold.winner("m1")) is not None:
            known = worked_off(fold, winner, known, bad)
    last = max(filter(None, (known.row_order, known.tombstone_order)), default=None)
    able = [each for each in changes if id(each) not in bad or each.event.status != "on_sale"]
    if able:
        assert last is not None
        assert last >= max(each.order for each in able)


def worked_off(fold: Fold, winner: PendingEvent, known: Known, bad: set[int]) -> Known:
    """One step of the planner and the writer on a store that is a value: what is known afterwards."""
    action = decide(winner.event, winner.order, known)
    if action in (Action.SUPERSEDED, Action.DONE):
        newest = max(filter(None, (known.row_order, known.tombstone_order)))
        assert newest >= winner.order
        fold.settle("m1", newest)
        return known
    if action is Action.PICTURE and id(winner) in bad:
        fold.discard(winner)
        return known
    fold.settle("m1", winner.order)
    if action is Action.TOMBSTONE:
        grave = tombstone_of("m1", winner.event.version, winner.event.status, winner.source)
        return Known(None, grave)
    picture = winner.event.image_urls[0] if action is Action.PICTURE else known.row["image_hash"] if known.row else ""
    row = row_of(winner.event, winner.source, vector=[1.0], image_hash=picture, listed_at=None, now=0)
    return Known(row, known.tombstone)


def test_who_discards_sees_to_its_end() -> None:
    """Only one of several threads that let go of a change is told that it did, so its end is seen to once."""
    only = change()
    fold = Fold()
    fold.add([only])
    assert fold.discard(only)
    assert not fold.discard(only)
    assert fold.drop_revoked() == []


def test_a_change_that_came_as_its_partition_went() -> None:
    """Is let go of by the planner, which would else look at it for ever: it can't be written, so it never settles."""
    mark = Watermark()
    late = change(watermark=mark)
    fold = Fold()
    mark.release()
    assert fold.drop_revoked() == []
    fold.add([late])
    nothing: Any = None  # it must need neither the store, nor the reporter, nor the pictures for that
    queues, stages = Queues(), Stages(Capacity(), nothing)
    planner = Planner(Shared(stages, queues, fold, nothing, Settler(fold, nothing, queues), nothing, nothing), nothing)
    taken = late.received.in_flight.count
    planner._route("m1", Known(), nothing)
    assert fold.winner("m1") is None
    assert late.received.in_flight.count == taken - 1
