"""(n) Who may change what counts as visible: one `seen`, a surface that reports none, lost beacons; before and after.

A site of one day, 4,000 shelves, of which 80 % come before somebody, who acts on 44 % of these. "Before" is the rule of
the first releases: with any `seen` in the folder, a shelf is visible if it has a `seen` or an action.
"""

import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import Flags, Shelves, any_in_row

from .bench import Bench
from .processes import ROOT
from .report import Figure

PART = "n"
SHELVES, LOOKED, ACTED = 4_000, 0.8, 0.44
LOST = (0.1, 0.2, 0.4)
Records = list[dict[str, Any]]


def measure(bench: Bench) -> list[Figure]:
    """The click rate of each case, in %, and beside it what the earlier rule made of it."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    count, figures = SHELVES // 4 if bench.quick else SHELVES, list[Figure]()
    stray = [_seen("nowhere")]
    figures += _case("one seen", [*_site("web", count, sends=False), *stray], "web")
    both = [*_site("app", count, sends=True), *_site("web", count, sends=False)]
    figures += _case("web without seen, app with", both, "web")
    for lost in LOST:
        figures += _case(f"lost beacons, {lost:.0%}", _site("app", count, sends=True, lost=lost), "app")
    return figures


def _case(name: str, records: Records, surface: str) -> list[Figure]:
    from evaluated import DAY, placed, write

    with TemporaryDirectory() as place:
        shelves = read_shelves(write(Path(place), placed(records)), DAY, DAY + timedelta(days=1))
    shelves = shelves.pick(np.array(shelves.surface.words()) == surface)
    acted = any_in_row(shelves.clicked)
    heard = {record["request_id"] for record in records if record["event"] == "seen"}
    true = _true_rate(records, surface)
    before = acted | _heard(shelves, heard)
    note = f"true {true:.1f}; by the earlier rule {100 * float(np.mean(acted[before])):.1f}"
    return [Figure(PART, f"click rate, {name}", "%", (100 * float(np.mean(acted[shelves.visible])),), note=note)]


def _heard(shelves: Shelves, heard: set[str]) -> Flags:
    from polars import Series

    from workers.evaluation.hashing import hash64

    return np.isin(shelves.request, hash64(Series(sorted(heard))))


def _true_rate(records: Records, surface: str) -> float:
    """Of the shelves that came before somebody where beacons are sent, else of all shown."""
    shown = sum(bool(each["looked"]) for each in records if each["event"] == "shelf" and each["surface"] == surface)
    clicks = sum(each["event"] == "click" and str(each["request_id"]).startswith(surface) for each in records)
    return float(100 * clicks / shown)


def _site(surface: str, count: int, *, sends: bool, lost: float = 0.0) -> Records:
    from interactions import action, shelf

    draws = np.random.default_rng(11)
    looked = draws.random(count) < LOOKED
    acted, arrives = looked & (draws.random(count) < ACTED), looked & (draws.random(count) >= lost)
    names = [f"{surface}{number}" for number in range(count)]
    records = [
        shelf(name, surface=surface, drawn="no", looked=bool(looked[number]) or not sends)
        for number, name in enumerate(names)
    ]
    records += [action("click", names[number]) for number in np.flatnonzero(acted)]
    return records + [_seen(names[number]) for number in np.flatnonzero(arrives & sends)]


def _seen(name: str) -> dict[str, Any]:
    from interactions import seen

    return seen(name)
