"""The guard's decision table: what an event asks for, given what is stored."""

from typing import Any

import pytest

from changes import change
from schemas.listing import Status
from workers.indexer.guard import Action, decide, status_of
from workers.milvus.row import Known, Row, Tombstone, row_of, tombstone_of

STATUSES: tuple[Status, ...] = ("on_sale", "reserved", "hidden", "sold_out")


def a_row(
    version: int, *, offset: int = 0, url: str = "file:///a", image_hash: str = "h", status: str = "on_sale"
) -> Row:
    """The row of an event."""
    shown = change(version=version, offset=offset, image_urls=[url], status=status)
    return row_of(shown.event, shown.source, vector=[1.0], image_hash=image_hash, listed_at=None, now=0)


def a_grave(version: int, offset: int = 0, status: Status = "removed") -> Tombstone:
    """The tombstone of an event."""
    kept = change(version=version, offset=offset)
    return tombstone_of("m1", version, status, kept.source)


NOTHING = Known()
ROW, NEWER_ROW = Known(a_row(1)), Known(a_row(9))
GRAVE, NEWER_GRAVE = Known(tombstone=a_grave(1)), Known(tombstone=a_grave(9))
HALF_BURIED = Known(a_row(1), a_grave(5))
"""A worker died between the tombstone and the delete."""
RELISTED = Known(a_row(4), a_grave(1))

TABLE = [
    # what is stored, the event's version and status, whether its address is the row's: what it asks for
    (NOTHING, 5, "on_sale", True, Action.PICTURE),
    (NOTHING, 5, "sold_out", True, Action.TOMBSTONE),
    (NOTHING, 5, "hidden", True, Action.TOMBSTONE),
    (NOTHING, 5, "removed", True, Action.TOMBSTONE),
    (ROW, 5, "on_sale", True, Action.METADATA),
    (ROW, 5, "sold_out", True, Action.METADATA),
    (ROW, 5, "reserved", True, Action.METADATA),
    (ROW, 5, "on_sale", False, Action.PICTURE),
    (ROW, 5, "sold_out", False, Action.TOMBSTONE),
    (ROW, 5, "removed", True, Action.TOMBSTONE),
    (NEWER_ROW, 5, "on_sale", True, Action.SUPERSEDED),
    (NEWER_ROW, 5, "removed", True, Action.SUPERSEDED),
    (GRAVE, 5, "on_sale", True, Action.PICTURE),
    (GRAVE, 5, "sold_out", True, Action.TOMBSTONE),
    (NEWER_GRAVE, 5, "on_sale", True, Action.SUPERSEDED),
    (NEWER_GRAVE, 5, "removed", True, Action.SUPERSEDED),
    (HALF_BURIED, 4, "on_sale", True, Action.SUPERSEDED),
    (HALF_BURIED, 5, "removed", True, Action.TOMBSTONE),
    (HALF_BURIED, 6, "on_sale", True, Action.METADATA),
    (RELISTED, 5, "on_sale", True, Action.METADATA),
    (RELISTED, 3, "on_sale", True, Action.SUPERSEDED),
]


@pytest.mark.parametrize(("known", "version", "status", "same", "wanted"), TABLE)
def test_the_table(known: Known, version: int, status: str, same: bool, wanted: Action) -> None:
    """Each line is one decision; nothing older ever asks for a write."""
    asked = change(version=version, status=status, image_urls=["file:///a" if same else "file:///b"])
    assert decide(asked.event, asked.order, known) is wanted


@pytest.mark.parametrize("status", STATUSES)
def test_a_second_delivery_is_done(status: Status) -> None:
    """What the store shows already asks for nothing, as a row or as a tombstone."""
    asked = change(version=3, status=status, offset=4)
    assert decide(asked.event, asked.order, Known(a_row(3, offset=4, status=status))) is Action.DONE
    if status != "on_sale":
        assert decide(asked.event, asked.order, Known(tombstone=a_grave(3, 4, status))) is Action.DONE


def test_a_removal_delivered_again_is_done() -> None:
    """Its tombstone is there and the row is not."""
    asked = change(version=3, status="removed")
    assert decide(asked.event, asked.order, Known(tombstone=a_grave(3))) is Action.DONE


def test_the_same_bytes_under_another_address_are_metadata() -> None:
    """Once they are fetched; other bytes are a picture, and so are those of a listing without a row."""
    asked = change(version=3, image_urls=["file:///other"])
    assert decide(asked.event, asked.order, Known(a_row(1)), image_hash="h") is Action.METADATA
    assert decide(asked.event, asked.order, Known(a_row(1)), image_hash="i") is Action.PICTURE
    assert decide(asked.event, asked.order, Known(), image_hash="h") is Action.PICTURE


def test_equal_versions_go_by_their_source() -> None:
    """The later record is the newer one."""
    asked = change(version=3, offset=4)
    assert decide(asked.event, asked.order, Known(a_row(3, offset=5))) is Action.SUPERSEDED
    assert decide(asked.event, asked.order, Known(a_row(3, offset=3))) is Action.METADATA


@pytest.mark.parametrize(
    "fields",
    [{"title": "other"}, {"price_minor": 1}, {"attributes": {"a": 1}}, {"status": "hidden"}, {"category": "a"}],
)
def test_a_row_that_shows_anything_else_is_written_again(fields: dict[str, Any]) -> None:
    """Equal order or not: that is how a repair mends a row that is not what its event says."""
    asked = change(version=3)
    kept: Any = {**a_row(3), **fields}
    assert decide(asked.event, asked.order, Known(kept)) is Action.METADATA
    kept |= {"image_urls": ["file:///b"], "image_hash": "i"}
    assert decide(asked.event, asked.order, Known(kept)) is Action.PICTURE


def test_a_late_write_over_a_tombstone_is_buried_again() -> None:
    """The removal, delivered again, finds the row and deletes it; so does a sale whose tombstone is enough."""
    late = Known(a_row(1), a_grave(3, 4))
    removal = change(version=3, offset=4, status="removed")
    assert decide(removal.event, removal.order, late) is Action.TOMBSTONE
    sold = change(version=3, offset=4, status="sold_out", image_urls=["file:///b"])
    assert decide(sold.event, sold.order, late) is Action.TOMBSTONE
    assert decide(sold.event, sold.order, Known(tombstone=a_grave(3, 4, "sold_out"))) is Action.DONE
    assert decide(sold.event, sold.order, Known(tombstone=a_grave(3, 4, "removed"))) is Action.TOMBSTONE


def test_a_refetch_looks_at_the_pictures_again() -> None:
    """Though the row shows this very event; and where they are as before, nothing is written."""
    asked, known = change(version=3), Known(a_row(3))
    assert decide(asked.event, asked.order, known, refetch=True) is Action.PICTURE
    assert decide(asked.event, asked.order, known, refetch=True, image_hash="h") is Action.DONE
    assert decide(asked.event, asked.order, known, refetch=True, image_hash="i") is Action.PICTURE
    older = Known(a_row(2))
    assert decide(asked.event, asked.order, older, refetch=True) is Action.PICTURE
    assert decide(asked.event, asked.order, older, refetch=True, image_hash="h") is Action.METADATA


def test_a_refetch_of_what_is_over_does_nothing() -> None:
    """Pictures of what is not on sale are never fetched, and an older event asks for nothing."""
    sold = change(version=3, status="sold_out")
    assert decide(sold.event, sold.order, Known(a_row(3, status="sold_out")), refetch=True) is Action.DONE
    old = change(version=3)
    assert decide(old.event, old.order, NEWER_ROW, refetch=True) is Action.SUPERSEDED
    assert decide(old.event, old.order, NEWER_GRAVE, refetch=True) is Action.SUPERSEDED


def test_what_was_taken_down_is_buried() -> None:
    """At the event's own order; a late event of it is superseded, a second delivery is done."""
    asked = change(version=3)
    for known in (NOTHING, ROW, GRAVE, Known(a_row(3))):
        assert decide(asked.event, asked.order, known, taken_down=True) is Action.TOMBSTONE
    assert decide(asked.event, asked.order, NEWER_ROW, taken_down=True) is Action.SUPERSEDED
    assert status_of(asked.event, taken_down=True) == "taken_down"
    done = Known(tombstone=tombstone_of("m1", 3, "taken_down", asked.source))
    assert decide(asked.event, asked.order, done, taken_down=True) is Action.DONE


def test_a_removal_stays_one_when_it_is_taken_down() -> None:
    """Undoing the takedown must not bring it back."""
    asked = change(version=3, status="removed")
    assert status_of(asked.event, taken_down=True) == "removed"
    removed = Known(tombstone=tombstone_of("m1", 3, "removed", asked.source))
    assert decide(asked.event, asked.order, removed, taken_down=True) is Action.DONE


@pytest.mark.parametrize("status", STATUSES)
def test_an_undone_takedown_lets_the_same_event_in(status: str) -> None:
    """The tombstone has the event's order, and is not its own: on sale it is indexed again, else it is kept."""
    asked = change(version=3, status=status)
    known = Known(tombstone=tombstone_of("m1", 3, "taken_down", asked.source))
    wanted = Action.PICTURE if status == "on_sale" else Action.TOMBSTONE
    assert decide(asked.event, asked.order, known) is wanted
