"""Whose log an offset belongs to: what a commit says of it, and what tells another log."""

import pytest

from schemas.source import Source
from streams.listing_codec import Record
from streams.log_identity import MARKS, Identity, Mark, difference, mark_of, read_identity
from workers.indexer.lineage import ForeignOffset, lineage_problem
from workers.indexer.partition_offsets import PartitionOffsets
from workers.indexer.recent_records import RecentRecords

OLD, NEW = "AAAAaaaaBBBBbbbbCCCCcc", "DDDDddddEEEEeeeeFFFFff"


def record(offset: int, value: bytes | None = b"{}", timestamp: int = 1_700_000_000_000) -> Record:
    """A record of one listing."""
    return Record(Source(topic="t", partition=0, offset=offset, timestamp=timestamp), b"m1", value)


def known(*records: Record, topic_id: str = OLD) -> Identity:
    """A commit that says these."""
    return Identity(topic_id, tuple(map(mark_of, records)), "store")


def found(*records: Record) -> dict[int, Mark]:
    """What stands in the log."""
    return {each.source.offset: mark_of(each) for each in records}


def place(committed: int | None = 7, first: int = 0, identity: Identity | None = None) -> PartitionOffsets:
    """A partition whose log ends at 9."""
    return PartitionOffsets("listing-updated", 3, committed, first, 9, identity or Identity())


def test_what_is_said_is_read() -> None:
    """In a text that Kafka takes, with the largest numbers that it has; whatever stands behind it is not read."""
    marks = tuple(Mark(2**63 - 1 - number, 253_402_300_799_999, "f" * 16) for number in range(MARKS))
    store = "0123456789abcdef.458923471023847123/0123456789abcdef.458923471023847125"
    said = Identity(OLD, marks, store, ahead=2**63 - 1, at=253_402_300_799_999)
    assert read_identity(said.text()) == said
    assert len(said.text()) < 4_000
    assert read_identity(said.text() + "\0\ufffd}") == said


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "by hand",
        "[]",
        "3",
        '{"ahead":"x"}',
        '{"at":1e999}',
        '{"before":[[1]]}',
        '{"before":7}',
        '{"topic":null}',
    ],
)
def test_what_others_say_is_nothing(text: str | None) -> None:
    """As after a reset by kafka-consumer-groups, or in a commit older than this."""
    assert read_identity(text) == Identity()


def test_the_same_log() -> None:
    """The same id, and the same records where the last ones stood."""
    assert difference(known(record(5), record(6)), OLD, found(record(5), record(6))) is None


def test_a_topic_that_was_made_anew() -> None:
    """Another id, whatever its records are."""
    why = difference(known(record(6)), NEW, found(record(6)))
    assert why is not None
    assert "made anew" in why
    assert OLD in why
    assert NEW in why


@pytest.mark.parametrize(
    "other", [record(6, b"[]"), record(6, None), record(6, b""), record(6, timestamp=1_700_000_000_001)]
)
def test_an_end_that_grew_again(other: Record) -> None:
    """One of the last records is another: in its value, in that it has none, or in its time."""
    why = difference(known(record(5), record(6)), OLD, found(record(5), other))
    assert why is not None
    assert "at offset 6 is another record" in why


def test_what_compaction_took_proves_nothing() -> None:
    """Then those that are left decide, and without any the id."""
    assert difference(known(record(5), record(6)), OLD, {}) is None
    assert difference(known(record(5), record(6)), OLD, found(record(5))) is None
    assert difference(known(record(5), record(6)), OLD, found(record(5, b"other"))) is not None


def test_old_commits_are_taken_as_they_are() -> None:
    """They say nothing of their log; nor does a broker without ids."""
    assert difference(Identity(), NEW, found(record(6))) is None
    assert difference(known(record(6)), "", found(record(6))) is None


def test_the_line_names_place_and_remedy() -> None:
    """Of another log."""
    line = lineage_problem([place()], [ForeignOffset(place(), "the topic was made anew")] * 2, "s", "g")
    assert line is not None
    for words in ("listing-updated partition 3: committed 7, the log has 0 to 9 (and 1 more)", "--accept-offsets"):
        assert words in line


@pytest.mark.parametrize(
    ("committed", "said", "store", "refused"),
    [
        pytest.param(7, "one", "two", True, id="other collections"),
        pytest.param(7, "one", "one", False, id="the same"),
        pytest.param(7, "", "two", False, id="a commit that is older than this"),
        pytest.param(7, "one", "", False, id="collections that say nothing"),
        pytest.param(0, "one", "two", False, id="nothing was read into the others"),
    ],
)
def test_other_collections(committed: int, said: str, store: str, *, refused: bool) -> None:
    """They are refused where the group has read something into those that are gone; the line says how to go on."""
    line = lineage_problem([place(committed, identity=Identity(OLD, (), said))], [], store, "g")
    assert (line is not None) == refused
    assert line is None or "--rebuild" in line


def test_the_trail() -> None:
    """The last records before an offset, those of the commit before among them; none is forgotten too early."""
    trail = RecentRecords()
    for offset in range(10, 10 + 3 * MARKS):
        trail.add(Mark(offset, 0, ""))
    trail.came_before((Mark(8, 0, ""), Mark(9, 0, "")))
    assert [each.offset for each in trail.before(10)] == [8, 9]
    assert [each.offset for each in trail.before(12)] == [8, 9, 10, 11]
    assert [each.offset for each in trail.before(20)] == [12, 13, 14, 15, 16, 17, 18, 19]
    assert [each.offset for each in trail.before(99)] == [26, 27, 28, 29, 30, 31, 32, 33]
