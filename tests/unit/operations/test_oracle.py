"""The oracle's rules, each on plain values."""

from dataclasses import replace

import pytest

from changes import change
from workers.milvus.row import Known, Row, row_of, tombstone_of
from workers.operations.audit.oracle import End, Event, Kind, Listing, Report, Stored, event_of, judge, stored_of


def event(version: int = 1, offset: int = 0, status: str = "on_sale") -> Event:
    """An event that could be read."""
    made = change(version=version, offset=offset, status=status)
    return event_of(made.event, made.source)


def row(version: int = 1, offset: int = 0, status: str = "on_sale") -> Row:
    """The row of that event."""
    made = change(version=version, offset=offset, status=status)
    return row_of(made.event, made.source, vector=[1.0], image_hash="h", listed_at=None, now=0)


def with_row(version: int = 1, offset: int = 0, status: str = "on_sale") -> Stored:
    """The store has that row."""
    return stored_of(Known(row(version, offset, status)))


def with_tombstone(version: int = 1, offset: int = 0, status: str = "removed") -> Stored:
    """The store has a tombstone and no row."""
    source = change(version=version, offset=offset).source
    return stored_of(Known(None, tombstone_of("m1", version, status, source)))  # type: ignore[arg-type]


def judged(*events: Event, stored: Stored = Stored(), **more: object) -> tuple[dict[End, int], list[Kind]]:  # noqa: B008
    """How many events came to which end, and what kinds of things are wrong."""
    verdict = judge(Listing("m1", events, stored, **more))  # type: ignore[arg-type]
    assert sum(verdict.ends.values()) == len(events)
    return dict(verdict.ends), [finding.kind for finding in verdict.findings]


UNREADABLE = Event(change(offset=9).source, None)


def test_indexed_is_the_order_of_the_row() -> None:
    """Or that of the tombstone."""
    assert judged(event(3), stored=with_row(3)) == ({"indexed": 1}, [])
    assert judged(event(3, status="removed"), stored=with_tombstone(3)) == ({"indexed": 1}, [])


def test_superseded_is_below_what_is_stored() -> None:
    """By version, and at equal versions by where the event stood."""
    assert judged(event(1), event(2, 1), stored=with_row(2, 1)) == ({"superseded": 1, "indexed": 1}, [])
    assert judged(event(2, 0), event(2, 1), stored=with_row(2, 1)) == ({"superseded": 1, "indexed": 1}, [])
    assert judged(event(2, 0), event(2, 1), stored=with_row(2, 0)) == ({"lost": 1, "indexed": 1}, ["stale"])


def test_a_letter_is_an_end() -> None:
    """Of a bad event, and of one that can't be read."""
    assert judged(replace(event(), lettered=True)) == ({"dead_lettered": 1}, [])
    assert judged(replace(UNREADABLE, lettered=True)) == ({"dead_lettered": 1}, [])


def test_the_next_lower_of_a_letter_must_be_stored() -> None:
    """A letter excuses its own event alone."""
    bad = replace(event(2, 1), lettered=True)
    assert judged(event(1), bad, stored=with_row(1)) == ({"indexed": 1, "dead_lettered": 1}, [])
    assert judged(event(1), bad) == ({"lost": 1, "dead_lettered": 1}, ["missing"])


def test_indexed_counts_before_a_letter() -> None:
    """A letter that was replayed well is indexed; one below what is stored is superseded."""
    bad = replace(event(1), lettered=True)
    assert judged(bad, stored=with_row(1)) == ({"indexed": 1}, [])
    assert judged(bad, event(2, 1), stored=with_row(2, 1)) == ({"superseded": 1, "indexed": 1}, [])


def test_lost_is_what_has_no_end() -> None:
    """It is put back: all of it, for the newest may turn out bad."""
    first, second = event(2, 1), event(3, 2)
    verdict = judge(Listing("m1", [event(1), first, second, UNREADABLE], with_row(1)))
    (finding,) = verdict.findings
    assert verdict.ends["lost"] == 3
    assert (finding.kind, set(finding.events)) == ("stale", {first, second, UNREADABLE})
    assert "version 3" in finding.says
    assert judged(UNREADABLE) == ({"lost": 1}, ["missing"])


def test_pending_is_not_lost_yet() -> None:
    """But what is stored of it counts as indexed, and a letter as a letter."""
    waiting = replace(event(2, 1), pending=True)
    assert judged(event(1), waiting, stored=with_row(1)) == ({"indexed": 1, "pending": 1}, [])
    assert judged(event(1), waiting, stored=with_row(2, 1)) == ({"superseded": 1, "indexed": 1}, [])
    assert judged(replace(waiting, lettered=True)) == ({"dead_lettered": 1}, [])


def test_a_row_that_no_event_explains() -> None:
    """Is a phantom, and so is a tombstone; what it hides is lost."""
    assert judged(stored=with_row(1)) == ({}, ["phantom"])
    assert judged(event(1), stored=with_row(2)) == ({"lost": 1}, ["phantom", "missing"])
    assert judged(event(1), stored=with_tombstone(2)) == ({"lost": 1}, ["phantom", "missing"])
    both = Stored(with_row(1).row, with_tombstone(2, 7).tombstone)
    assert judged(event(1), stored=both) == ({"indexed": 1}, ["phantom"])


def test_what_the_log_lost_explains_a_row() -> None:
    """The higher of the log and the row counts: compaction may have taken the winner's record."""
    vanished = frozenset(filter(None, [event(2, 7).order]))
    assert judged(event(1, 8), stored=with_row(2, 7), vanished=vanished) == ({"superseded": 1}, [])
    assert judged(event(3, 8), stored=with_row(2, 7), vanished=vanished) == ({"lost": 1}, ["stale"])
    assert judged(stored=with_tombstone(2, 7), vanished=vanished) == ({}, [])


def test_a_row_below_its_tombstone_is_stale() -> None:
    """A late write after a removal; the removal is put back."""
    removal = event(2, 1, "removed")
    both = Stored(with_row(1).row, with_tombstone(2, 1).tombstone)
    (finding,) = judge(Listing("m1", [event(1), removal], both)).findings
    assert (finding.kind, finding.events) == ("stale", (removal,))
    relisted = Stored(with_row(3, 2).row, with_tombstone(2, 1).tombstone)
    assert judged(removal, event(3, 2), stored=relisted) == ({"superseded": 1, "indexed": 1}, [])


@pytest.mark.parametrize("status", ["reserved", "hidden", "sold_out"])
def test_off_the_shelf_is_a_row_or_a_tombstone(status: str) -> None:
    """Either is whole: which one depends on the pictures of the row before."""
    gone = event(2, 1, status)
    assert judged(gone, stored=with_row(2, 1, status)) == ({"indexed": 1}, [])
    assert judged(gone, stored=with_tombstone(2, 1, status)) == ({"indexed": 1}, [])
    assert judged(gone, stored=with_tombstone(2, 1, "removed")) == ({"indexed": 1}, ["stale"])


def test_what_is_stored_must_be_what_the_event_says() -> None:
    """A removed listing has no row, one on sale has one, and it shows every field of its event."""
    assert judged(event(2, 1, "removed"), stored=with_row(2, 1, "removed")) == ({"indexed": 1}, ["stale"])
    assert judged(event(2), stored=with_tombstone(2)) == ({"indexed": 1}, ["stale"])
    other = row(2)
    other["title"] = "another title"
    assert judged(event(2), stored=stored_of(Known(other))) == ({"indexed": 1}, ["stale"])


def test_half_a_write_is_no_fault_while_its_event_is_pending() -> None:
    """A worker died between the tombstone and the delete, or a repair is on its way: the event will be done again."""
    removal = replace(event(2, 1, "removed"), pending=True)
    both = Stored(with_row(1).row, with_tombstone(2, 1).tombstone)
    verdict = judge(Listing("m1", [event(1), removal], both))
    assert verdict.findings == ()
    assert verdict.pending == (("m1", removal.source),)


def test_pictures_and_the_clock_are_not_the_events() -> None:
    """Its vector, its hash, when it was listed and indexed depend on more than the event."""
    kept: Row = {**row(2), "embedding": [0.5], "image_hash": "i", "listed_at": 9, "indexed_at": 9}
    assert judged(event(2), stored=stored_of(Known(kept))) == ({"indexed": 1}, [])


def test_what_was_told_as_written_never_goes_back() -> None:
    """Also where the log no longer has its event."""
    written = event(3, 2).order
    assert judged(event(1), stored=with_row(1), written=written) == ({"indexed": 1}, ["regressed"])
    assert judged(stored=Stored(), written=written) == ({}, ["regressed"])
    assert judged(event(3, 2), stored=with_row(3, 2), written=written) == ({"indexed": 1}, [])


def test_a_letter_of_what_is_well() -> None:
    """Is an end, and wrong all the same, where it is known beforehand that nothing is wrong with the event."""
    assert judged(replace(event(), lettered=True, able=True)) == ({"dead_lettered": 1}, ["refused"])
    assert judged(replace(event(), lettered=True, able=True), stored=with_row()) == ({"indexed": 1}, [])


def test_covered_listings_have_no_row() -> None:
    """What was taken down or erased is not lost; a row of it is a phantom."""
    assert judged(event(1), event(2, 1), covered=True) == ({"covered": 2}, [])
    assert judged(event(2, 1), stored=with_row(2, 1), covered=True) == ({"covered": 1}, ["phantom"])
    assert judged(event(1), stored=with_tombstone(1), covered=True) == ({"indexed": 1}, [])


def test_a_report_adds_up() -> None:
    """And says in one line what became of everything."""
    report = Report()
    report.add(judge(Listing("m1", [event(1), event(2, 1)], with_row(2, 1))))
    assert report.right
    report.add(judge(Listing("m2", [event(1)])))
    assert not report.right
    assert (report.checked, report.produced, report.ends["lost"], report.kinds["missing"]) == (2, 3, 1, 1)
    assert str(report).startswith("produced 3 = indexed 1 + superseded 1 + dead-lettered 0, lost 1, phantom 0, regr")
    assert "m2: missing: version 1" in str(report)
