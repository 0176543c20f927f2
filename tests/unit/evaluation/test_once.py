"""Each record once, whatever was sent twice, late or out of order."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evaluated import DAY, of_day, placed, write
from interactions import START, action, seen, shelf
from workers.evaluation.day_statistics import day_stats
from workers.evaluation.deduplication import first_occurrences
from workers.evaluation.hashing import hash64
from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import CLICK, NONE, PURCHASE, Shelves

NEXT = timedelta(days=1)


def read(folder: Path) -> Shelves:
    """The shelves of the day."""
    return read_shelves(folder, DAY, DAY + NEXT)


def test_of_two_shelves_with_one_id_the_first_by_partition_and_offset_counts(tmp_path: Path) -> None:
    """Neither the first in time, nor the first in the files."""
    first, second = shelf("r", items=2, at=START + NEXT / 4), shelf("r", items=4, at=START)
    assert read(write(tmp_path / "offsets", [(0, 9, second), (0, 3, first)])).width == 2
    assert read(write(tmp_path / "partitions", [(1, 0, second), (0, 3, first)])).width == 2


def test_of_two_actions_with_one_id_the_first_counts(tmp_path: Path) -> None:
    """The second one says another listing; one id used for a click and a like is two events."""
    twice = [action("click", "r", event_id="e", listing_id=name) for name in ("m1", "m2")]
    like = action("like", "r", event_id="e", listing_id="m3")
    found = read(write(tmp_path, [(0, 0, shelf("r")), (1, 7, twice[1]), (1, 4, twice[0]), (1, 8, like)]))
    assert found.grade[0].tolist() == [CLICK, NONE, 2]


def test_a_purchase_sent_twice_and_cancelled_once_is_cancelled(tmp_path: Path) -> None:
    """The repetition is no second purchase after the cancel."""
    bought = action("purchase", "r", at=START, event_id="b")
    again = action("purchase", "r", at=START + timedelta(hours=2), event_id="b")
    undone = action("cancel", "r", at=START + timedelta(hours=1))
    assert of_day(tmp_path, [shelf("r"), bought, undone, again]).grade[0, 0] == NONE


def test_repeated_around_midnight(tmp_path: Path) -> None:
    """A shelf sent again on the next day counts on one day only, whichever of the days are read."""
    late = START.replace(hour=23, minute=59)
    both = [shelf("r", at=late), shelf("r", at=late + timedelta(minutes=2))]
    write(tmp_path, placed(both))
    assert len(read_shelves(tmp_path, DAY, DAY + NEXT)) == 1
    assert len(read_shelves(tmp_path, DAY + NEXT, DAY + 2 * NEXT)) == 0
    assert len(read_shelves(tmp_path, DAY, DAY + 2 * NEXT)) == 1


def test_an_id_used_again_days_later_is_another(tmp_path: Path) -> None:
    """Beyond the days beside its own; so a day needs no more than those."""
    write(tmp_path, placed([shelf("r"), shelf("r", at=START + 2 * NEXT)]))
    assert len(read_shelves(tmp_path, DAY, DAY + 3 * NEXT)) == 2


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12).flatmap(
        lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows))))
    )
)
def test_first_ones(told: tuple[list[tuple[int, int]], list[int]]) -> None:
    """As said in one line of plain Python."""
    rows, records = told
    expected = [
        not any(
            ids == mine and abs(on - day) <= 1 and records[other] < records[row] for other, (ids, on) in enumerate(rows)
        )
        for row, (mine, day) in enumerate(rows)
    ]
    ids, days = np.array([row[0] for row in rows], np.uint64), np.array([row[1] for row in rows], np.int32)
    assert first_occurrences(ids, days, np.array(records, np.int64)).tolist() == expected


def late_records() -> list[dict[str, Any]]:
    """Forty shelves over three days with actions up to days after them."""
    said: list[dict[str, Any]] = []
    for number in range(40):
        at = START + timedelta(hours=1.7 * number)
        said.append(shelf(f"r{number}", at=at, items=1 + number % 5, user=f"{number % 9:064}"))
        said.append(seen(f"r{number}", at=at))
        if number % 2:
            said.append(action("click", f"r{number}", at=at + timedelta(seconds=9)))
        if number % 3 == 0:
            said.append(action("purchase", f"r{number}", at=at + timedelta(days=number % 7)))
        if number % 9 == 0:
            said.append(action("cancel", f"r{number}", at=at + timedelta(days=number % 7, hours=2)))
    return said


def test_late_and_out_of_order(tmp_path: Path) -> None:
    """Actions recorded before their shelf, or last of all: the same figures, as the records' own times decide."""
    said, days = late_records(), (DAY, DAY + 4 * NEXT)
    one = read_shelves(write(tmp_path / "one", placed(said)), *days)
    mixed = placed(said)
    random.Random(4).shuffle(mixed)  # noqa: S311 - an order, no secret
    other = read_shelves(write(tmp_path / "other", mixed, rows=7), *days)
    backwards = read_shelves(write(tmp_path / "backwards", placed(said[::-1])), *days)
    assert (one.grade == PURCHASE).any()
    for found in (other, backwards):
        assert (found.grade.tolist(), found.seen.tolist()) == (one.grade.tolist(), one.seen.tolist())
        assert found.at.tolist() == one.at.tolist()
    assert set(day_stats(one)) == set(day_stats(other))


def test_a_late_record_changes_its_own_day(tmp_path: Path) -> None:
    """What arrives when its day has long been read is there the next time it is."""
    write(tmp_path, placed([shelf("r")]))
    assert not read(tmp_path).grade.any()
    write(tmp_path, placed([action("click", "r")], first=1_000))
    assert read(tmp_path).grade[0].tolist() == [CLICK, NONE, NONE]


def test_users_that_are_not_known_stand_for_themselves(tmp_path: Path) -> None:
    """Each shelf without a user is of one of its own."""
    said = [shelf("r", user=None), shelf("s", user=None), shelf("t"), shelf("u")]
    users = of_day(tmp_path, said).user
    assert len(set(users.tolist())) == 3
    assert (users != 0).all()
    assert hash64(pl.Series(["u" * 64]))[0] in users
