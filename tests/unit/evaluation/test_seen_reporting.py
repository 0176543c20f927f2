"""Who may say which shelves are visible: no single record, no other surface, and not what was done with a shelf."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluated import of_day, placed, write
from interactions import START, action, seen, shelf
from workers.evaluation import reader
from workers.evaluation.reader import Days, read_shelves
from workers.evaluation.seen_reporting import reporting, with_visibility
from workers.evaluation.shelves import Shelves, any_in_row, make_shelves

SOON = START + timedelta(minutes=1)


def site(name: str, shelves: int = 40, acted: int = 17, beacons: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Shelves of which the first `acted` have a click, and the last so many `beacons` of all a `seen`."""
    requests = [f"{name}{number}" for number in range(shelves)]
    return [
        *(shelf(request, **more) for request in requests),
        *(action("click", request, at=SOON) for request in requests[:acted]),
        *(seen(request, at=SOON) for request in requests[shelves - beacons :]),
    ]


def counted(acted: int, both: int) -> pl.DataFrame:
    """What is counted of a day with one stratum."""
    return pl.DataFrame({"surface": [""], "layout": [""], "app_version": [""], "acted": [acted], "both": [both]})


def click_rate(found: Shelves, surface: str = "") -> float:
    """Of the visible shelves, or of those of a surface."""
    rows = found.visible & np.array([not surface or each == surface for each in found.surface.words()])
    return float(any_in_row(found.clicked)[rows].mean())


@pytest.mark.parametrize("request_id", ["nowhere", "web0", "web39"])
def test_one_seen_changes_nothing(request_id: str, tmp_path: Path) -> None:
    """Whether its shelf is not there, has a click or has none."""
    found = of_day(tmp_path, [*site("web"), seen(request_id, at=SOON)])
    assert click_rate(found) == 17 / 40
    assert found.seen.all()


def test_a_surface_does_not_speak_for_another(tmp_path: Path) -> None:
    """The app reports `seen` of every second shelf, the web of none."""
    app = [*site("app", surface="app"), *(seen(f"app{number}", at=SOON) for number in range(0, 40, 2))]
    found = of_day(tmp_path, [*app, *site("web", surface="web")])
    assert click_rate(found, "web") == 17 / 40
    assert click_rate(found, "app") == 9 / 20


def test_an_app_version_does_not_speak_for_another(tmp_path: Path) -> None:
    """The new version reports `seen` of what was looked at, the old one nothing; both are of one surface and layout."""
    new = [*site("new", beacons=0, app_version="6.0"), *(seen(f"new{number}", at=SOON) for number in range(30))]
    found = of_day(tmp_path, [*new, *site("old", app_version="5.9")])
    versions = np.array(found.app_version.words())
    assert found.visible[versions == "6.0"].sum() == 30
    assert found.visible[versions == "5.9"].all()


def test_a_day_in_parts_is_judged_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few shelves each, of which none would do by itself, come to the same as the day at once."""
    monkeypatch.setattr(reader, "_ROWS_AT_ONCE", 9)
    app = [*site("app", surface="app"), *(seen(f"app{number}", at=SOON) for number in range(0, 40, 2))]
    folder = write(tmp_path, placed([*app, *site("web", surface="web")]), rows=9)
    days = Days.of(folder, START.date(), START.date() + timedelta(days=1))
    at_once, parts = days.read(START.date()), [part() for part in days.parts(START.date())]
    assert len(parts) > 2
    of = {
        name: int(visible) for each in parts for name, visible in zip(each.request.tolist(), each.visible, strict=True)
    }
    assert of == dict(zip(at_once.request.tolist(), at_once.visible.astype(int).tolist(), strict=True))
    assert sum(of.values()) == 20 + 40


def test_a_version_of_few_shelves_is_judged_by_its_layout(tmp_path: Path) -> None:
    """Nine shelves with an action and no beacon are too few to tell that a new version sends none."""
    usual = [*site("usual", app_version="5.9"), *(seen(f"usual{number}", at=SOON) for number in range(40))]
    found = of_day(tmp_path, [*usual, *site("few", shelves=20, acted=9, app_version="6.0")])
    versions = np.array(found.app_version.words())
    assert not found.visible[versions == "6.0"].any()
    enough = of_day(tmp_path / "more", [*usual, *site("few", shelves=20, acted=10, app_version="6.0")])
    assert enough.visible.all()


def test_each_day_is_judged_by_itself(tmp_path: Path) -> None:
    """The next day the beacons of the same version are sent, and all are heard."""
    next_day = START + timedelta(days=1)
    records = [
        *site("before"),
        *(shelf(f"after{number}", at=next_day) for number in range(40)),
        *(action("click", f"after{number}", at=next_day) for number in range(17)),
        *(seen(f"after{number}", at=next_day) for number in range(30)),
    ]
    found = of_day(tmp_path, records)
    assert click_rate(found) == 17 / 40
    next_shelves = read_shelves(tmp_path, next_day.date(), next_day.date() + timedelta(days=1))
    assert click_rate(next_shelves) == 17 / 30


@pytest.mark.parametrize(("heard", "of", "reports"), [(1, 1, False), (2, 2, True), (4, 10, True), (3, 10, False)])
def test_the_share_that_reports(heard: int, of: int, reports: bool) -> None:
    """More than a tenth of the shelves with an action, with 95 % confidence."""
    assert bool(reporting(counted(of, heard))) == reports


def test_requests_that_nobody_looks_at_do_not_decide(tmp_path: Path) -> None:
    """A crawler's shelves without an action leave it at what the others' shelves say."""
    heard = [seen(f"web{number}", at=SOON) for number in range(17)]
    found = of_day(tmp_path, [*site("web", shelves=600), *heard])
    assert found.visible.sum() == 17


@pytest.mark.parametrize("lost", [0.1, 0.2, 0.4])
def test_lost_beacons_move_no_figure(lost: float) -> None:
    """Whatever share is lost at random: over 100 sites the click rate (DCG of one item) is neither higher nor lower.

    Each site's rate less that of all shelves that were looked at, over the error that a sample of that size has.
    """
    draws, missed = np.random.default_rng(7), []
    for _ in range(100):
        looked = draws.random(4_000) < 0.8
        acted = looked & (draws.random(4_000) < 0.4)
        arrived = looked & (draws.random(4_000) >= lost)
        reports = reporting(counted(int(acted.sum()), int((acted & arrived).sum())))
        found = with_visibility(make_shelves(np.ones((4_000, 1)), grade=acted[:, None], seen=arrived[:, None]), reports)
        rate, every = float(np.mean(acted[found.visible])), float(np.mean(acted[looked]))
        error = np.sqrt(every * (1 - every) * (1 / found.visible.sum() - 1 / looked.sum()))
        missed.append((rate - every) / error)
    assert abs(np.mean(missed)) < 0.3  # three standard errors of a mean of 100
    assert 0.7 < np.std(missed) < 1.3


def test_a_session_stands_for_a_user_that_is_not_known(tmp_path: Path) -> None:
    """Then the shelf itself; a session of the same letters as a user is not that user."""
    who = [("a", "u", "s"), ("b", "u", "t"), ("c", None, "s"), ("d", None, "s"), ("e", None, "u"), ("f", None, None)]
    records = [shelf(name, user=user, session=session) for name, user, session in who] + [shelf("g", user=None)]
    found = of_day(tmp_path, records)
    users = found.user.tolist()
    assert users[0] == users[1]
    assert users[2] == users[3]
    assert len(set(users)) == 5
    assert 0 not in users
