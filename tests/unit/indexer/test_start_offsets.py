"""Where a group may go on: what is decided from the committed, the first and the end offset of each partition."""

import pytest

from workers.indexer.partition_offsets import PartitionOffsets
from workers.indexer.start_offsets import is_fresh, offsets_problem


def place(committed: int | None, first: int = 5, end: int = 9, partition: int = 0) -> PartitionOffsets:
    """A partition."""
    return PartitionOffsets("listing-updated", partition, committed, first, end)


@pytest.mark.parametrize("committed", [5, 7, 9])
def test_inside_the_log(committed: int) -> None:
    """From its first record to its end, also in a gap that compaction or a transaction left, a group goes on."""
    assert offsets_problem([place(committed)], "g") is None


@pytest.mark.parametrize(("committed", "words"), [(4, "committed 4"), (10, "committed 10")])
def test_out_of_range(committed: int, words: str) -> None:
    """Below the first record, or above the end: the line names place, offsets and remedy."""
    why = offsets_problem([place(7, partition=1), place(committed)], "g")
    assert why is not None
    for each in (words, "listing-updated partition 0", "the log has 5 to 9", "--accept-offsets", "lookalike audit"):
        assert each in why


def test_missing_in_some() -> None:
    """A group that has begun in some partitions and not in others: the count grew, and the line says how to."""
    why = offsets_problem([place(7), place(None, 0, 0, partition=12), place(None, 0, 0, partition=13)], "g")
    assert why is not None
    for each in ("partition 12: nothing is committed", "(and 1 more)", "the partition count grew", "lag fall to 0"):
        assert each in why


def test_missing_in_a_whole_topic() -> None:
    """Kafka forgets the offsets of a topic that is deleted: what is there now is another one."""
    anew = [PartitionOffsets("listing-retry", number, None, 0, 3) for number in range(2)]
    why = offsets_problem([place(7), *anew], "g")
    assert why is not None
    assert "listing-retry partition 0: nothing is committed, the log has 0 to 3 (and 1 more)" in why
    assert "the topic was made anew" in why


def test_fresh() -> None:
    """A group that has begun nowhere missed nothing."""
    assert is_fresh([place(None), place(None, partition=1)])
    assert not is_fresh([place(None), place(5, partition=1)])
