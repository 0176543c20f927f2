"""The watermark: what may be committed never passes an unfinished offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Broken
from streams.watermark import Watermark


def test_before_the_first_record_nothing_is_committable() -> None:
    """Or a group that has read nothing would commit 0 over what it had."""
    assert Watermark().committable is None


def test_the_lowest_unfinished_offset_is_committable() -> None:
    """Whatever is finished behind it; with all finished, the next one to come."""
    mark = Watermark()
    for offset in (5, 6, 7):
        assert mark.begin(offset)
    assert mark.committable == 5
    mark.finish(7)
    mark.finish(6)
    assert (mark.committable, mark.in_hand) == (5, 3)
    mark.finish(5)
    assert (mark.committable, mark.in_hand) == (8, 0)


def test_what_is_finished_behind_one_that_waits() -> None:
    """It needs nothing more, nor do offsets that Kafka left out; finished twice it counts once."""
    mark = Watermark()
    for offset in (5, 6, 8, 9):
        mark.begin(offset)
    assert mark.ahead_of(5) == 1
    for offset in (6, 8, 8):
        mark.finish(offset)
    assert mark.ahead_of(5) == 3
    for offset in (5, 5, 9):
        mark.finish(offset)
    assert (mark.committable, mark.ahead_of(10)) == (10, 0)


def test_offsets_that_kafka_left_out_hold_nothing_back() -> None:
    """After a compaction or a transaction's marker, the next record is far ahead: what lies between was never begun."""
    mark = Watermark()
    mark.begin(0)
    mark.begin(5)
    mark.finish(0)
    assert mark.committable == 5
    mark.finish(5)
    assert mark.committable == 6


def test_a_record_delivered_twice_is_begun_once() -> None:
    """Finished or not."""
    mark = Watermark()
    assert mark.begin(3)
    assert mark.begin(4)
    assert not mark.begin(3)
    mark.finish(3)
    assert not mark.begin(3)
    assert mark.committable == 4


def test_an_offset_below_the_first_is_our_failure() -> None:
    """It is left over from an earlier assignment: what lies between could be lost."""
    mark = Watermark()
    mark.begin(10)
    with pytest.raises(Broken, match="offset 9"):
        mark.begin(9)


def test_released_and_closed() -> None:
    """A released partition is still committed for what finishes; a closed one never again."""
    mark = Watermark()
    mark.begin(0)
    mark.begin(1)
    mark.release()
    mark.finish(0)
    assert (mark.released, mark.closed, mark.committable) == (True, False, 1)
    mark.close()
    mark.finish(1)
    assert (mark.closed, mark.committable) == (True, None)


@given(st.data())
def test_never_past_an_unfinished_offset(data: st.DataObject) -> None:
    """In any mixture of beginning, finishing and delivering again, with gaps: all below what is committable is
    finished, and nothing that is finished from there on is forgotten."""
    mark, begun, finished = Watermark(), list[int](), set[int]()
    offset = data.draw(st.integers(0, 5), "first")
    for step in data.draw(st.lists(st.sampled_from(["begin", "finish", "again"]), max_size=40), "steps"):
        open_ones = [each for each in begun if each not in finished]
        if step == "begin":
            assert mark.begin(offset)
            begun.append(offset)
            offset += data.draw(st.integers(1, 4), "gap")
        elif step == "finish" and open_ones:
            done = data.draw(st.sampled_from(open_ones), "done")
            mark.finish(done)
            finished.add(done)
        elif step == "again" and begun:
            assert not mark.begin(data.draw(st.sampled_from(begun), "delivered again"))
        left = [each for each in begun if each not in finished]
        expected = min(left) if left else begun[-1] + 1 if begun else None
        assert mark.committable == expected
        assert mark.in_hand == (sum(each >= left[0] for each in begun) if left else 0)
        if expected is not None:
            assert mark.ahead_of(expected) == begun[-1] + 1 - expected - len(left)
