"""Live against its anchors: their lead is learnt, each has a detector of its own, and the drop is credit."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from workers.decision.alarms import concurrent_reading
from workers.decision.anchor_lead import PREFIXES, SETTLE_DAYS, learnt_lead, margins
from workers.decision.e_detector import log_factors, run
from workers.decision.evidence_store import Day
from workers.decision.evidence_units import LEAD
from workers.decision.retrain_policy import RetrainPolicy

FIRST = date(2026, 3, 1)
POLICY = RetrainPolicy.model_validate({})


def days(shares: list[float], anchor: str = "a@1", first: int = 0, units: int = 400, seed: int = 2) -> list[Day]:
    """A day for each chance that a credit goes to the anchor."""
    draws = np.random.default_rng(seed)
    found = []
    for number, share in enumerate(shares, first):
        values = draws.choice([1.0, -1.0], (units, 1), p=[share, 1 - share])
        codes, day = np.zeros(units, np.int32), FIRST + timedelta(number)
        found.append(Day("concurrent", "m@1", anchor, day, (LEAD,), ("bags",), codes, values))
    return found


def in_order(*parts: list[Day]) -> list[Day]:
    """As the store gives them."""
    return sorted((day for part in parts for day in part), key=lambda day: (day.day, day.anchor))


@pytest.mark.parametrize("worse", [0.05, 0.09, 0.2])
def test_a_decay_to_the_level_of_a_worse_anchor_is_found(worse: float) -> None:
    """Live had this much more credit and has as much as the anchor now; level with it is not good enough."""
    share = (1 - worse) / (2 - worse)
    evidence = days([share] * 90 + [0.5] * 120)
    reading = concurrent_reading(evidence, POLICY)
    assert reading.alarm is not None
    assert reading.since is not None
    assert (reading.alarm - FIRST).days >= 90
    assert reading.drop == pytest.approx(worse, abs=0.03)  # of the credit that live earns for each of the anchor's
    unlearnt = run([log_factors(day.of(LEAD), 0.0) for day in evidence], 365.0)
    assert unlearnt.alarm_index is None


def test_an_anchor_that_is_better_from_the_start_is_an_alarm() -> None:
    """What the first days show is no excuse for a model that was worse when it was promoted."""
    assert max(margins(days([0.56] * 140), 0.0)) == 0.0
    assert concurrent_reading(days([0.56] * 40), POLICY).alarm is not None


def test_a_margin_is_known_before_its_day() -> None:
    """Other values of a day and of later ones change no margin up to it."""
    evidence = days([0.45] * 140)
    usual = margins(evidence, 0.0)
    turn = SETTLE_DAYS + PREFIXES[0]
    assert usual[turn - 1] == 0.0
    assert usual[turn] < 0
    assert all(later <= earlier for earlier, later in pairwise(usual))
    other = [*evidence[:turn], *days([0.9] * (140 - turn), first=turn)]
    assert margins(other, 0.0)[: turn + 1] == usual[: turn + 1]
    assert learnt_lead(other) == learnt_lead(evidence) == pytest.approx(-0.1, abs=0.02)


def test_each_anchor_has_a_detector_of_its_own() -> None:
    """Against one live has fallen, against another it is far ahead: the second does not hide the first."""
    fallen = days([0.5] * 40 + [0.58] * 30, "a@1", units=200)
    ahead = days([0.35] * 70, "b@1", units=200, seed=5)
    reading = concurrent_reading(in_order(fallen, ahead), POLICY)
    assert reading.alarm is not None
    assert reading.since is not None
    assert abs((reading.since - FIRST).days - 40) <= 6
    one_after_the_other = [log_factors(day.of(LEAD), 0.0) for day in in_order(fallen, ahead)]
    assert run(one_after_the_other, 365.0).e_values[-1] < reading.e_value / 1_000


def test_several_anchors_raise_no_more_false_alarms() -> None:
    """Of a day each adds its part: with four anchors of the same units the e-value is that of one."""
    copies = [days([0.5] * 50, f"{name}@1", units=50) for name in "abcd"]
    alone = concurrent_reading(copies[0], POLICY)
    together = concurrent_reading(in_order(*copies), POLICY)
    assert together.e_value == pytest.approx(alone.e_value)
    assert together.units == 4 * alone.units


def test_used_up_days_still_teach_the_lead() -> None:
    """After a request the anchor's lead is not learnt anew from days on which live was worse."""
    evidence = days([0.45] * 60 + [0.5] * 60)
    used = FIRST + timedelta(80)
    reading = concurrent_reading(evidence, POLICY, used)
    assert reading.days == 39
    assert reading.alarm is not None
    assert concurrent_reading(evidence, POLICY, FIRST + timedelta(200)).missing == "a new day to test"
