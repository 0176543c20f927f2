"""Actions of known shelves, outside their windows: a device's clock that is wrong is seen."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from evaluated import DAY, placed, write
from interactions import START, action, seen, shelf
from workers.decision.alarms import Reading
from workers.decision.root_causes import recording
from workers.decision.signals import Change, Recording, Signals
from workers.evaluation.attribution_rate import Attribution, attribution
from workers.evaluation.reader import read_shelves

SHELVES = 100
NEXT = DAY + timedelta(days=1)


def _clicks(folder: Path, shift: timedelta) -> tuple[float, Attribution]:
    """The click rate, and what is counted, if all clicks are shifted."""
    records = []
    for number in range(SHELVES):
        records += [shelf(f"r{number}"), seen(f"r{number}")]
        if number % 2:
            records.append(action("click", f"r{number}", at=START + timedelta(seconds=40) + shift))
    write(folder, placed(records))
    return float(np.mean(read_shelves(folder, DAY, NEXT).clicked.any(axis=1))), attribution(folder, DAY, NEXT)


@pytest.mark.parametrize(("minutes", "rate", "outside", "early"), [(0, 0.5, 0, 0), (-2, 0.5, 0, 50), (-20, 0.0, 50, 0)])
def test_a_device_that_is_early(minutes: int, rate: float, outside: int, early: int, tmp_path: Path) -> None:
    """Two minutes change no click rate; twenty take all of it, are counted, and are a sign of broken recording."""
    found, counts = _clicks(tmp_path, timedelta(minutes=minutes))
    assert found == rate
    assert counts == Attribution(actions=50, known=50, outside=outside, early=early)
    same = Change(before=1.0, after=1.0)
    change = Change(before=0.0, after=counts.outside_share or 0.0)
    signs = Signals(recording=Recording(shelves_a_day=same, joined=same, outside=change))
    verdict = recording(Reading("observed", "DCG@5", "m@1"), signs)
    assert verdict.verdict == ("found" if outside else "ruled out")
    assert not outside or "100.0% of the actions of known shelves are outside their window" in verdict.message


def test_an_unknown_shelf_and_a_late_click_are_two_things(tmp_path: Path) -> None:
    """Each is counted as what it is; without any action there is no rate."""
    late = action("click", "r", at=START + timedelta(minutes=31))
    write(tmp_path, placed([shelf("r"), late, action("like", "r"), action("purchase", "unknown")]))
    counts = attribution(tmp_path, DAY, NEXT)
    assert counts == Attribution(actions=3, known=2, outside=1, early=0)
    assert attribution(tmp_path, NEXT, NEXT + timedelta(days=1)).rate is None
