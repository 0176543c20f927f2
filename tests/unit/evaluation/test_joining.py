"""What came of each item: grades, windows, cancels, what was seen."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evaluated import after, of_day, one
from interactions import START, action, seen, shelf
from workers.evaluation.shelves import CLICK, LIKE, NONE, PURCHASE, USUAL

TICK = timedelta(microseconds=1)
SOON = timedelta(minutes=1)
WINDOWS = {"click": (USUAL.click, CLICK), "like": (USUAL.like, LIKE), "purchase": (USUAL.purchase, PURCHASE)}


def first_grade(folder: Path, *records: dict[str, Any]) -> int:
    """The grade of `m1` on the one shelf."""
    return int(one(folder, *records).grade[0, 0])


def test_purchase_like_click(tmp_path: Path) -> None:
    """Of what was done to an item the most counts, in whatever order it came."""
    found = one(
        tmp_path,
        after("purchase", SOON),
        after("like", SOON),
        after("click", SOON),
        after("like", SOON, listing_id="m2"),
        after("click", SOON * 2, listing_id="m2"),
        after("click", SOON, listing_id="m3"),
        items=4,
    )
    assert found.grade[0].tolist() == [PURCHASE, LIKE, CLICK, NONE]
    assert found.clicked[0].tolist() == [True, True, True, False]


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("delay", ["early", "at once", "inside", "edge", "outside", "before"])
def test_each_window(kind: str, delay: str, tmp_path: Path) -> None:
    """From the shelf's own time on, less what clocks differ, up to and including the last microsecond."""
    window, grade = WINDOWS[kind]
    delays = {
        "at once": 0 * TICK,
        "inside": window / 2,
        "edge": window,
        "outside": window + TICK,
        "early": -USUAL.skew,
        "before": -USUAL.skew - TICK,
    }
    counts = delay not in ("outside", "before")
    assert first_grade(tmp_path, after(kind, delays[delay])) == (grade if counts else NONE)


@pytest.mark.parametrize(
    ("delay", "counts"),
    [(USUAL.seen, True), (USUAL.seen + TICK, False), (-USUAL.skew, True), (-USUAL.skew - TICK, False)],
)
def test_the_window_of_seen(delay: timedelta, counts: bool, tmp_path: Path) -> None:
    """The same for what was visible; where `seen` is reported, a shelf that nobody saw is not visible."""
    found = one(tmp_path, seen("r", at=START + delay), reports_seen=True)
    assert found.seen[0].tolist() == ([True, True, False] if counts else [False] * 3)
    assert found.visible.tolist() == [counts]


@pytest.mark.parametrize(
    ("bought", "cancelled", "grade"),
    [
        (SOON, USUAL.cancel, NONE),
        (SOON, SOON + USUAL.cancel, NONE),  # counted from the purchase, not from the shelf
        (SOON, SOON + USUAL.cancel + TICK, PURCHASE),
        (USUAL.purchase, USUAL.purchase + USUAL.cancel, NONE),
        (USUAL.purchase, USUAL.purchase + USUAL.cancel + TICK, PURCHASE),
        (SOON * 2, SOON, PURCHASE),  # what came before it can't undo it
        (SOON, SOON, NONE),
    ],
)
def test_a_cancelled_purchase_does_not_count(
    bought: timedelta, cancelled: timedelta, grade: int, tmp_path: Path
) -> None:
    """Where the cancel follows within its window."""
    assert first_grade(tmp_path, after("purchase", bought), after("cancel", cancelled)) == grade


def test_after_a_cancel_the_click_still_counts(tmp_path: Path) -> None:
    """And what is bought again is bought."""
    undone = [after("click", SOON), after("purchase", SOON), after("cancel", SOON * 2)]
    assert first_grade(tmp_path / "undone", *undone) == CLICK
    assert first_grade(tmp_path / "again", *undone, after("purchase", SOON * 3)) == PURCHASE
    assert first_grade(tmp_path / "other", *undone[:2], after("cancel", SOON * 2, listing_id="m2")) == PURCHASE


def test_what_is_seen_depends_on_no_action(tmp_path: Path) -> None:
    """An item that was acted on, of which no `seen` arrived, is left out as one is that was not acted on."""
    found = one(tmp_path, after("like", SOON, listing_id="m3"), seen("r"), reports_seen=True)
    assert found.seen[0].tolist() == [True, True, False]
    assert found.grade[0].tolist() == [NONE, NONE, LIKE]
    assert not one(tmp_path / "lost", after("like", SOON), reports_seen=True).visible[0]


def test_without_any_seen_all_counts_as_seen(tmp_path: Path) -> None:
    """A shop that does not report what is visible; it may be told, too."""
    assert one(tmp_path / "not").seen.all()
    assert not of_day(tmp_path / "told", [shelf("r")], reports_seen=True).visible.any()
    assert of_day(tmp_path / "too", [shelf("r"), seen("r")], reports_seen=False).seen.all()


def test_unknown_listings_and_shelves(tmp_path: Path) -> None:
    """An action on what the shelf did not show, or on a shelf that is not there, changes nothing."""
    others = [after("click", SOON, listing_id="m77"), action("click", "nowhere"), seen("nowhere")]
    found = one(tmp_path, *others, reports_seen=True)
    assert not found.grade.any()
    assert not found.seen.any()


def gaps() -> dict[str, Any]:
    """A shelf at positions 2, 5 and 9, told in another order."""
    told = [{"listing_id": f"m{position}", "position": position} for position in (5, 9, 2)]
    return shelf("r", items=0) | {"items": told}


def test_positions_with_gaps(tmp_path: Path) -> None:
    """Places are in the order of positions; `seen` names positions, not places, some of which are not there."""
    records = [gaps(), seen("r", positions=[1, 2, 3, 9, 200]), action("click", "r", listing_id="m5")]
    found = of_day(tmp_path, records, reports_seen=True)
    assert found.position[0].tolist() == [2, 5, 9]
    assert found.seen[0].tolist() == [True, False, True]
    assert found.grade[0].tolist() == [NONE, CLICK, NONE]


def test_shelves_of_different_lengths(tmp_path: Path) -> None:
    """Padding is never seen and never acted on, though `seen` may name it."""
    records = [shelf("r", items=1), shelf("s", items=4), seen("r", positions=[1, 2, 3, 4, 5])]
    found = of_day(tmp_path, records, reports_seen=True)
    assert sorted(found.seen.sum(axis=1).tolist()) == [0, 1]
    assert found.shown.sum(axis=1).tolist() == [1, 4]


def test_an_empty_shelf(tmp_path: Path) -> None:
    """It may be all there is of a day; what claims to have been seen or done there is nothing."""
    found = of_day(tmp_path, [shelf("r", items=0), seen("r"), action("click", "r")])
    assert len(found) == 1
    assert not found.shown.any()
    assert not found.visible.any()


def test_a_purchase_days_later_is_read_from_its_own_day(tmp_path: Path) -> None:
    """Also at the end of its window, from another folder of the same table."""
    late = START.replace(hour=23, minute=59, second=59, microsecond=999_999)
    records = [
        shelf("r", at=late),
        action("purchase", "r", at=late + USUAL.purchase),
        shelf("s", at=late),
        action("purchase", "s", at=late + USUAL.purchase),
        action("cancel", "s", at=late + USUAL.purchase + USUAL.cancel),
    ]
    assert of_day(tmp_path, records).grade[:, 0].tolist() == [PURCHASE, NONE]
