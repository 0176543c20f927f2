"""Each cause is found by what shows it, and by nothing else."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.decision.alarms import Reading
from workers.decision.root_causes import CAUSES, Finding, decompose, examine_causes
from workers.decision.signals import (
    Change,
    Index,
    Recall,
    Recording,
    Release,
    Season,
    Signals,
    Source,
    Stratum,
    Traffic,
)

SINCE = date(2026, 3, 10)
SAME = Change(before=1.0, after=1.0)


def alarm(source: Source = "observed") -> Reading:
    """A drop of five per cent."""
    return Reading(source, "DCG@5", "m", alarm=SINCE, since=SINCE, until=SINCE, drop=0.05, error=0.01)


def stratum(name: str, before: float, after: float, reference: float | None, value: float | None) -> Stratum:
    """With its shares and values."""
    return Stratum(name=name, share=Change(before=before, after=after), reference=reference, value=value)


WITHIN = (stratum("bags", 0.5, 0.5, 0.6, 0.55), stratum("shoes", 0.5, 0.5, 0.4, 0.38))
RECORDING = Recording(shelves_a_day=SAME, actions_a_shelf=SAME, joined=SAME, sample_ratio_p=0.4, unread=10, refused=0.0)
INDEX = Index(lag_seconds=3.0, sold_shown=Change(before=0.01, after=0.011))
RECALL = Recall(recall=Change(before=0.97, after=0.968), mixed=0.0)
CLEAN = Signals(
    live="m",
    recording=RECORDING,
    index=INDEX,
    recall=RECALL,
    releases=(),
    strata=WITHIN,
    traffic=Traffic(suspicious=Change(before=0.01, after=0.012), drop_without=0.049),
    season=Season(expected=0.0),
)


def release(**changed: Any) -> tuple[Release, ...]:
    """A layout that came on the day."""
    usual = {"kind": "layout", "name": "low", "day": SINCE, "share": Change(before=0.0, after=0.9)}
    return (Release(**{**usual, **changed}),)


def recorded(**changed: Any) -> dict[str, Recording]:
    """The recording with something else."""
    return {"recording": RECORDING.model_copy(update=changed)}


SHOWS: list[tuple[str, dict[str, Any]]] = [
    ("recording", recorded(shelves_a_day=Change(before=10_000, after=6_000))),
    ("recording", recorded(shelves_a_day=Change(before=10_000, after=15_000))),
    ("recording", recorded(seen_share=Change(before=0.96, after=0.8))),
    ("recording", recorded(seen_share=Change(before=0.8, after=1.0))),  # no beacon comes any more
    ("recording", recorded(joined=Change(before=0.99, after=0.95))),
    ("recording", recorded(sample_ratio_p=1e-5)),
    ("recording", recorded(unread=5_000_000)),
    ("recording", recorded(refused=0.05)),
    ("index", {"index": Index(lag_seconds=7_200.0, sold_shown=SAME)}),
    ("index", {"index": Index(lag_seconds=1.0, sold_shown=Change(before=0.01, after=0.09))}),
    ("recall", {"recall": Recall(recall=Change(before=0.97, after=0.8), mixed=0.0)}),
    ("recall", {"recall": Recall(recall=SAME, mixed=0.2)}),
    ("release", {"releases": release()}),
    ("release", {"releases": release(beside=Change(before=0.2, after=0.18, error=0.001))}),
    ("traffic", {"traffic": Traffic(suspicious=Change(before=0.01, after=0.2), drop_without=0.005)}),
    ("traffic", {"traffic": Traffic(suspicious=Change(before=0.01, after=0.2))}),
    ("mix", {"strata": (stratum("bags", 0.8, 0.4, 0.6, 0.6), stratum("shoes", 0.2, 0.6, 0.4, 0.4))}),
    ("season", {"season": Season(expected=0.04, error=0.002)}),
]


def verdicts(found: tuple[Finding, ...]) -> dict[str, str]:
    """By cause."""
    return {each.cause: each.verdict for each in found}


@pytest.mark.parametrize(("cause", "changed"), SHOWS)
def test_each_is_found_by_what_shows_it_alone(cause: str, changed: dict[str, Any]) -> None:
    """All others are ruled out, the model with them."""
    told = verdicts(examine_causes(alarm(), CLEAN.model_copy(update=changed), frozenset()))
    assert told == {**dict.fromkeys([*CAUSES, "model"], "ruled out"), cause: "found"}


def test_where_nothing_else_is_found_it_is_the_model() -> None:
    """Every other cause is ruled out, in the order in which they are tried."""
    told = examine_causes(alarm(), CLEAN, frozenset())
    assert [each.cause for each in told] == [*CAUSES, "model"]
    assert verdicts(told) == {**dict.fromkeys(CAUSES, "ruled out"), "model": "found"}
    assert all(each.message for each in told)


@pytest.mark.parametrize("cause", CAUSES)
def test_what_nobody_measured_is_not_known(cause: str) -> None:
    """And the model is not blamed before it is, unless the operator tolerates that."""
    field = {"release": "releases", "mix": "strata"}.get(cause, cause)
    signs = CLEAN.model_copy(update={field: None})
    told = verdicts(examine_causes(alarm(), signs, frozenset()))
    assert (told[cause], told["model"]) == ("not known", "not known")
    assert verdicts(examine_causes(alarm(), signs, frozenset({cause})))["model"] == "found"


def test_half_of_what_is_needed_is_not_enough() -> None:
    """Volumes without the join rate; a season known too badly to tell a drop of this size."""
    told = verdicts(examine_causes(alarm(), CLEAN.model_copy(update=recorded(joined=None)), frozenset()))
    assert told["recording"] == "not known"
    vague = CLEAN.model_copy(update={"season": Season(expected=0.0, error=0.03)})
    assert verdicts(examine_causes(alarm(), vague, frozenset()))["season"] == "not known"


def test_what_hits_both_models_alike_is_no_cause_of_the_strong_source() -> None:
    """Season, releases and bots: the anchor stands on the same shelves. A one-sided release is one all the same."""
    unknown = {"releases": None, "season": None, "traffic": None}
    told = verdicts(examine_causes(alarm("concurrent"), CLEAN.model_copy(update=unknown), frozenset()))
    assert told["model"] == "found"
    layout = CLEAN.model_copy(update={"releases": release()})
    assert verdicts(examine_causes(alarm("concurrent"), layout, frozenset()))["release"] == "ruled out"
    fewer = recorded(actions_a_shelf=Change(before=0.6, after=0.3))  # what is not recorded is missing in both teams
    assert (
        verdicts(examine_causes(alarm("concurrent"), CLEAN.model_copy(update=fewer), frozenset()))["model"] == "found"
    )
    one_sided = CLEAN.model_copy(update={"releases": release(one_sided=True)})
    assert verdicts(examine_causes(alarm("concurrent"), one_sided, frozenset()))["release"] == "found"


@pytest.mark.parametrize(
    "changed",
    [
        {"day": date(2026, 2, 10)},
        {"share": Change(before=0.5, after=0.52)},
        {"beside": Change(before=0.2, after=0.2, error=0.0005)},
    ],
)
def test_a_release_that_can_not_be_it(changed: dict[str, Any]) -> None:
    """Weeks before, hardly spread, or no worse than what runs beside it on the same days."""
    signs = CLEAN.model_copy(update={"releases": release(**changed)})
    assert verdicts(examine_causes(alarm(), signs, frozenset()))["release"] == "ruled out"


def test_a_new_category_that_is_served_badly_is_not_mix() -> None:
    """The model has not learnt it: that is what a retraining is for."""
    strata = (stratum("bags", 1.0, 0.7, 0.6, 0.6), stratum("drones", 0.0, 0.3, None, 0.2))
    told = verdicts(examine_causes(alarm(), CLEAN.model_copy(update={"strata": strata}), frozenset()))
    assert (told["mix"], told["model"]) == ("ruled out", "found")
    assert decompose(strata) == pytest.approx({"mix": 0.0, "within": 0.0, "new": 0.3 * 0.4})


shares = st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3)
values = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3)


@given(shares, shares, values, values)
def test_the_parts_of_a_drop_add_up(
    before: list[float], after: list[float], reference: list[float], value: list[float]
) -> None:
    """mix + within + new is the level before minus the level after; here the third stratum is new."""
    known = sum(before[:2])
    strata = tuple(
        stratum(name, before[k] / known, after[k] / sum(after), reference[k], value[k]) for k, name in enumerate("ab")
    )
    strata = (*strata, stratum("c", 0.0, after[2] / sum(after), None, value[2]))
    was = sum(each.share.before * (each.reference or 0.0) for each in strata)
    is_ = sum(each.share.after * (each.value or 0.0) for each in strata)
    assert sum(decompose(strata).values()) == pytest.approx(was - is_, abs=1e-9)
