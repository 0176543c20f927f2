"""What shelves themselves tell about recording, sold items, releases and users who are no people."""

from datetime import date

import numpy as np
import pytest

from workers.decision import shelf_signals
from workers.decision.signals import Change
from workers.evaluation.shelves import Shelves, make_shelves

DAY_US = 86_400_000_000


def shelves(days: int = 4, a_day: int = 50, first: int = 0, **columns: object) -> Shelves:
    """So many shelves a day, each of another user, of three items each."""
    n = days * a_day
    at = (first + np.arange(n) // a_day) * DAY_US
    return make_shelves(np.tile([1, 2, 3], (n, 1)), at=at, **columns)


def test_the_coin_of_the_teams() -> None:
    """A fair one passes, one that favours a team does not; nothing interleaved, nothing known."""
    fair = np.tile([[1, 2, 1], [2, 1, 2]], (100, 1))
    unfair = np.tile([[1, 2, 1], [1, 2, 1], [1, 2, 1], [2, 1, 2]], (50, 1))
    assert shelf_signals.sample_ratio(shelves(team=fair, drawn=[3] * 200)) == 1.0
    told = shelf_signals.sample_ratio(shelves(team=unfair, drawn=[3] * 200))
    assert told is not None
    assert told < 1e-10
    assert shelf_signals.sample_ratio(shelves()) is None


def test_volumes() -> None:
    """Shelves a day, and actions a shelf."""
    before, after = shelves(grade=np.tile([1, 0, 0], (200, 1))), shelves(days=2, a_day=20)
    told = shelf_signals.recording(before, after, joined=Change(before=1.0, after=0.9))
    assert told.shelves_a_day == Change(before=50, after=20)
    assert told.actions_a_shelf == Change(before=1, after=0)
    assert told.joined == Change(before=1.0, after=0.9)


def test_sold_items() -> None:
    """Of those whose status is known."""
    status = np.tile([1, 4, 0], (200, 1))
    assert shelf_signals.sold_items(shelves(), shelves(status=status)).sold_shown == Change(before=0.0, after=0.5)


def test_a_release_and_its_day() -> None:
    """It comes on the second day after; the one that it replaces goes on the same day. Small changes are none."""
    old = shelves(layout=["high"] * 200, app_version=["1"] * 200)
    new = shelves(first=10, layout=["high"] * 50 + ["low"] * 150, app_version=["1"] * 196 + ["2"] * 4)
    told = shelf_signals.releases(old, new)
    assert [(each.kind, each.name, each.day) for each in told] == [
        ("layout", "high", date(1970, 1, 12)),
        ("layout", "low", date(1970, 1, 12)),
    ]
    assert told[1].share == Change(before=0.0, after=0.75)
    assert shelf_signals.releases(old, old) == ()


@pytest.mark.parametrize(("a_day", "acts"), [(201, False), (20, True)])
def test_users_who_are_no_people(a_day: int, acts: bool) -> None:
    """Far too many shelves, or an action on all of them; people beside them are left alone."""
    n = a_day + 30
    grade = np.zeros((n, 3), np.int8)
    grade[:a_day, 0], grade[a_day:, 1] = int(acts), 1
    after = shelves(days=1, a_day=n, user=[7] * a_day + list(range(100, 130)), grade=grade)
    assert shelf_signals.suspicious(after).sum() == a_day
    before = shelves(days=1, a_day=30, grade=np.tile([0, 1, 0], (30, 1)))
    told = shelf_signals.traffic(before, after)
    assert told.suspicious == Change(before=0.0, after=a_day / n)
    assert told.drop_without == pytest.approx(0.0)
