"""What a report is asked for: which days, which figures, which slices; a slip is one line that names what goes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from schemas.evaluation_report import Protocol
from streams.errors import LookalikeError, UsageError
from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.full_index import MEASURES as OF_INDEX
from workers.evaluation.measures import PAPER, Measure
from workers.evaluation.slices import AXES
from workers.interactions.reach import Reach, reach

Pair = tuple[str, str]
"""Two models to compare, by id."""
ReportProgress = Callable[[int], None]
"""Told how many days, or searches, are done."""
ProgressReporter = Callable[[str, int | None], AbstractContextManager[ReportProgress]]
"""Whoever waits for it: given what will be counted, and of how many where that is known, he takes each count."""

USUAL_DAYS = 28
_ALWAYS = (*PAPER, Measure("DCG", 5))
_DAY = timedelta(days=1)


def recorded_reach(folder: Path) -> Reach:
    """How far the records of a folder reach; raises LookalikeError where there are none."""
    found = reach(folder)
    if found is None:
        raise LookalikeError(f"nothing is recorded in {folder}: `lookalike worker record` takes in what shops publish")
    return found


def parse_dates(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """The days that were written; raises UsageError where one is none, or they are the wrong way round."""
    first, end = _date("--since", since), _date("--until", until)
    if first and end and first >= end:
        raise UsageError(f"no day lies between: --since {first}, --until {end} (a day that does not count any more)")
    return first, end


def period(folder: Path, recorded: Reach, since: date | None, until: date | None) -> tuple[date, date]:
    """The days [since, until) of a report: by default the last 28 that the records reach, whatever today is.
    Days before the first recorded one and after the last are left out; LookalikeError where none is left.
    """
    reach, there = recorded.until, recorded.days
    end = until or _last(reach.date(), there) + _DAY
    first = since or end - min(USUAL_DAYS * _DAY, end - date.min)
    begin, last = max(first, there[0]), min(end, there[-1] + _DAY)
    if begin >= last:
        raise LookalikeError(
            f"nothing is recorded from {first} to {end - _DAY}; the records of {folder} reach from {there[0]} to "
            f"{reach:%Y-%m-%d %H:%M} UTC"
        )
    return begin, last


def _last(day: date, recorded: Sequence[date]) -> date:
    """The last of the days that follow on `day` without a gap: what a wrong clock wrote lies apart.

    >>> _last(date(2026, 9, 1), [date(2026, 9, 1), date(2026, 9, 2), date(2027, 9, 1)])
    datetime.date(2026, 9, 2)
    """
    there = set(recorded)
    while day + _DAY in there:
        day += _DAY
    return day


def evaluation_config(
    protocol: Protocol, measures: str | None, by: str | None, niches: Sequence[str]
) -> EvaluationConfig:
    """What is measured, and sliced by; raises UsageError for a measure or a slice that there is not."""
    asked = _measures(measures)
    paths = tuple(dict.fromkeys(each.strip("/") for each in niches))
    if protocol == "index":
        if refused := [str(each) for each in asked if each.over != "relevant"]:
            raise UsageError(f"{refused[0]} of a full index: nobody was shown it; nDCG, P, MRR and Recall go")
        return replace(USUAL, measures=tuple(dict.fromkeys((*OF_INDEX, *asked))), by=(), niches=())
    axes = USUAL.by if by is None else _words(by)
    if unknown := [each for each in axes if each not in AXES]:
        always = "surface, layout, position and age always are told"
        raise UsageError(f"--by {unknown[0]}: shelves are sliced by {', '.join(AXES)}; {always}")
    if paths:
        axes = tuple(dict.fromkeys((*axes, "niche")))
    wanted = tuple(dict.fromkeys((*_ALWAYS, *asked))) if asked else USUAL.measures
    return replace(USUAL, measures=wanted, by=axes, niches=paths)


def _measures(text: str | None) -> list[Measure]:
    try:
        return [Measure.parse(each) for each in _words(text or "")]
    except ValueError as error:
        raise UsageError(f"--measures: {error}") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))


def _date(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: a date is wanted, as in 2026-09-01") from None
