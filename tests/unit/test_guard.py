"""The guard's decision table: what an event asks for, given what is stored."""

import pytest

from changes import change
from workers.index.guard import Action, decide
from workers.vectors.row import Known, Row, Tombstone, row_of, tombstone_of

STATUSES = ("on_sale", "reserved", "hidden", "sold_out")


def a_row(
    version: int, *, offset: int = 0, url: str = "file:///a", image_hash: str = "h", status: str = "on_sale"
) -> Row:
    """The row of an event."""
    shown = change(version=version, offset=offset, image_urls=[url], status=status)
    return row_of(shown.event, shown.source, vector=[1.0], image_hash=image_hash, listed_at=None, now=0)


def a_grave(version: int, offset: int = 0) -> Tombstone:
    """The tombstone of an event."""
    kept = change(version=version, offset=offset)
    return tombstone_of("m1", version, "removed", kept.source)


NOTHING = Known()
ROW, NEWER_ROW = Known(a_row(1)), Known(a_row(9))
GRAVE, NEWER_GRAVE = Known(tombstone=a_grave(1)), Known(tombstone=a_grave(9))
HALF_BURIED = Known(a_row(1), a_grave(5))
"""A worker died between the tombstone and the delete."""
RELISTED = Known(a_row(4), a_grave(1))

TABLE = [
    # what is stored, the event's version and status, whether its address is the row's: what it asks for
    (NOTHING, 5, "on_sale", True, Action.PICTURE),
    (NOTHING, 5, "sold_out", True, Action.BURY),
    (NOTHING, 5, "hidden", True, Action.BURY),
    (NOTHING, 5, "removed", True, Action.BURY),
    (ROW, 5, "on_sale", True, Action.METADATA),
    (ROW, 5, "sold_out", True, Action.METADATA),
    (ROW, 5, "reserved", True, Action.METADATA),
    (ROW, 5, "on_sale", False, Action.PICTURE),
    (ROW, 5, "sold_out", False, Action.BURY),
    (ROW, 5, "removed", True, Action.BURY),
    (NEWER_ROW, 5, "on_sale", True, Action.SUPERSEDED),
    (NEWER_ROW, 5, "removed", True, Action.SUPERSEDED),
    (GRAVE, 5, "on_sale", True, Action.PICTURE),
    (GRAVE, 5, "sold_out", True, Action.BURY),
    (NEWER_GRAVE, 5, "on_sale", True, Action.SUPERSEDED),
    (NEWER_GRAVE, 5, "removed", True, Action.SUPERSEDED),
    (HALF_BURIED, 4, "on_sale", True, Action.SUPERSEDED),
    (HALF_BURIED, 5, "removed", True, Action.BURY),
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
def test_a_second_delivery_is_done(status: str) -> None:
    """What the store shows already asks for nothing, as a row or as a tombstone."""
    asked = change(version=3, status=status, offset=4)
    assert decide(asked.event, asked.order, Known(a_row(3, offset=4, status=status))) is Action.DONE
    if status != "on_sale":
        assert decide(asked.event, asked.order, Known(tombstone=a_grave(3, 4))) is Action.DONE


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
