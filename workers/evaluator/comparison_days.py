"""Which days stand for before and which for after, around an alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from workers.decision.alarms import Reading
from workers.decision.retrain_policy import RetrainPolicy

_DAY = timedelta(days=1)
MAX_DAYS_BEFORE, MAX_DAYS_AFTER = 14, 14
"""Days that are read at most on either side: what they show is plain within two weeks, and memory is bounded."""
_LATELY = 7
"""Without an alarm the last days stand for after."""


@dataclass(frozen=True)
class ComparisonDays:
    """Days [since, until) before and after; `turn` is the first day on which a release may have come."""

    before: tuple[date, date]
    after: tuple[date, date]
    release_from: date


def days_around(
    closed: Sequence[date], alarm: Reading | None, rules: RetrainPolicy, earlier: int
) -> ComparisonDays | None:
    """From the closed days of the live model, in order; None where there are none of either.

    Before are the days of the reference, after those since the alarm's likely beginning. `earlier`: a release may have
    come so many days before that.
    """
    usual = closed[rules.settle_days :] or closed
    if len(usual) < 2:
        return None
    begun = alarm.since if alarm is not None and alarm.since is not None else usual[-_LATELY:][0]
    begun = max(begun, usual[1])
    reference = [day for day in usual if day < begun][: min(MAX_DAYS_BEFORE, rules.reference_days)]
    after = [day for day in usual if day >= begun][-MAX_DAYS_AFTER:]
    if not reference or not after:
        return None
    turn = max(reference[-1] + _DAY, begun - earlier * _DAY)
    return ComparisonDays((reference[0], reference[-1] + _DAY), (after[0], after[-1] + _DAY), min(turn, after[0]))
