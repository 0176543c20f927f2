"""What a report is asked for: what stands by itself, and what a slip is told."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from schemas.evaluation_report import Protocol
from streams.errors import LookalikeError, UsageError
from workers.evaluation.config import USUAL
from workers.interactions.layout import days as folder_days
from workers.interactions.reach import Reach
from workers.reports.arguments import evaluation_config, parse_dates, period, recorded_reach

REACH = datetime(2025, 3, 20, 9, tzinfo=UTC)
TODAY = REACH.date()


def _recorded(folder: Path, *days: date) -> Path:
    for day in days:
        (folder / f"day={day}").mkdir(parents=True)
    return folder


def _reach(folder: Path) -> Reach:
    """As if a hundred events had been recorded until REACH."""
    there = map(date.fromisoformat, folder_days(folder))
    return Reach(REACH, tuple(there), ())


def test_by_itself_the_last_28_recorded_days(tmp_path: Path) -> None:
    """However long ago they are; of a younger record all of it."""
    begun = TODAY - timedelta(days=60)
    folder = _recorded(tmp_path, *(begun + timedelta(days=each) for each in range(61)))
    assert period(folder, _reach(folder), None, None) == (TODAY - timedelta(days=27), TODAY + timedelta(days=1))
    assert period(folder, _reach(folder), None, begun + timedelta(days=3)) == (begun, begun + timedelta(days=3))
    assert period(folder, _reach(folder), begun + timedelta(days=40), None)[0] == begun + timedelta(days=40)


def test_a_slow_shop_loses_no_day(tmp_path: Path) -> None:
    """Days that follow on what is reached count, for there a hundred events take days; what lies apart does not."""
    days = [TODAY, TODAY + timedelta(days=1), date(2099, 1, 1)]
    folder = _recorded(tmp_path, *days)
    assert period(folder, _reach(folder), None, None) == (TODAY, TODAY + timedelta(days=2))


def test_days_without_a_record_at_either_end_are_left_out(tmp_path: Path) -> None:
    """Any date may be asked for, the first and the last that there are among them."""
    folder = _recorded(tmp_path, TODAY)
    assert period(folder, _reach(folder), date.min, date.max) == (TODAY, TODAY + timedelta(days=1))


@pytest.mark.parametrize(("since", "until"), [("2025-03-21", None), (None, "2025-03-20"), ("2024-01-01", "2024-02-01")])
def test_no_day_that_is_recorded(tmp_path: Path, since: str | None, until: str | None) -> None:
    """Exit 1: nothing is wrong, there is just nothing."""
    folder = _recorded(tmp_path, TODAY)
    with pytest.raises(LookalikeError, match="reach from 2025-03-20 to 2025-03-20 09:00 UTC") as failure:
        period(folder, _reach(folder), *parse_dates(since, until))
    assert type(failure.value) is LookalikeError
    with pytest.raises(LookalikeError, match="`lookalike worker record`") as failure:
        recorded_reach(tmp_path / "none")
    assert type(failure.value) is LookalikeError


def test_measures_come_beside_those_that_are_always_told() -> None:
    """The paper's and DCG@5; each once, however often it is asked for; by itself the usual ones."""
    asked = evaluation_config("shelf", "MRR@3, nDCG@5,MRR@3,", None, ())
    assert [str(each) for each in asked.measures] == ["nDCG@5", "P@1", "P@3", "DCG@5", "MRR@3"]
    assert evaluation_config("shelf", None, None, ()) == USUAL
    index = evaluation_config("index", "Recall@10", None, ())
    assert [str(each) for each in index.measures] == ["nDCG@5", "P@1", "P@3", "MRR@10", "Recall@50", "Recall@10"]


def test_a_niche_is_sliced_by_whatever_else_is() -> None:
    """Naming one is enough; slashes around it do no harm."""
    asked = evaluation_config("shelf", None, "app_version", ("/bags/old/", "bags/old"))
    assert (asked.by, asked.niches) == (("app_version", "niche"), ("bags/old",))


@pytest.mark.parametrize(
    ("protocol", "measures", "by", "said"),
    [
        ("shelf", "nDCG", None, "--measures: 'nDCG': nDCG needs a cutoff, as in nDCG@5"),
        ("shelf", "BLEU@5", None, "no measure 'BLEU@5': nDCG, DCG"),
        ("index", "CTR", None, "CTR of a full index: nobody was shown it; nDCG, P, MRR and Recall go"),
        ("index", "DCG@5", None, "DCG@5 of a full index"),
        ("shelf", None, "weather", "--by weather: shelves are sliced by category, niche, variant"),
        ("shelf", None, "surface", "surface, layout, position and age always are told"),
    ],
)
def test_a_slip_says_what_goes(protocol: Protocol, measures: str | None, by: str | None, said: str) -> None:
    """Exit 2, before anything is read."""
    with pytest.raises(UsageError) as failure:
        evaluation_config(protocol, measures, by, ())
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("yesterday", None, "--since yesterday: a date is wanted, as in 2026-09-01"),
        (None, "2026-02-30", "--until 2026-02-30: a date is wanted"),
        ("2026-09-02", "2026-09-01", "no day lies between"),
        ("2026-09-01", "2026-09-01", "--until 2026-09-01 (a day that does not count any more)"),
    ],
)
def test_dates_that_can_not_be(since: str | None, until: str | None, said: str) -> None:
    """Exit 2."""
    with pytest.raises(UsageError) as failure:
        parse_dates(since, until)
    assert said in str(failure.value)
