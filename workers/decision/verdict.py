"""The last verdict with its age: the day whose evidence it is of, and how far the records have gone on since.

A decision that has stopped looks like one that finds nothing, unless what is shown says of which day it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workers.decision.decision_round import RoundResult, last_result
from workers.decision.evidence_store import Store
from workers.decision.evidence_units import EVIDENCE
from workers.interactions.reach import Reach, reach

FAILED = "failed"
"""The note in the store that says why a round failed."""
_USUAL_DAYS = EVIDENCE.longest.days + 2
"""A day is closed `EVIDENCE.longest` after its end, so at least one day more is usual; and one for the round."""


class RoundFailure(BaseModel):
    """A decision round that ended with an unexpected error."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    error: str


@dataclass(frozen=True)
class VerdictAge:
    """How old a verdict is, by the clock of the records."""

    as_of: date | None
    """The last day of evidence that it is of; None if there was none."""
    records_until: date | None
    """The day that the records reach."""
    records_since: date | None = None
    """The first recorded day."""

    @property
    def behind_days(self) -> int | None:
        """Days from the verdict's to the records' last one, or all that are recorded; None without records."""
        if self.records_until is None:
            return None
        if self.as_of is None:
            return None if self.records_since is None else (self.records_until - self.records_since).days + 1
        return max(0, (self.records_until - self.as_of).days)

    @property
    def late(self) -> bool:
        """Whether a newer verdict is due: more days have passed than it takes until a day is closed."""
        return (self.behind_days or 0) > _USUAL_DAYS

    def __str__(self) -> str:
        """
        >>> str(VerdictAge(date(2026, 9, 20), date(2026, 9, 24)))
        'as of 2026-09-20, 4 days behind the records'
        >>> str(VerdictAge(date(2026, 9, 20), date(2026, 10, 25)))
        'as of 2026-09-20, 35 days behind the records: 30 days are overdue'
        """
        of = "of no day yet" if self.as_of is None else f"as of {self.as_of}"
        if self.behind_days is None:
            return of
        days = "1 day" if self.behind_days == 1 else f"{self.behind_days:,} days"
        overdue = f": {self.behind_days - _USUAL_DAYS:,} days are overdue" if self.late else ""
        return f"{of}, {days} behind the records{overdue}"


@dataclass(frozen=True)
class Verdict:
    """What the last round found, how old it is, and whether a round failed after it."""

    result: RoundResult | None
    age: VerdictAge
    failure: RoundFailure | None = None


def age_of(result: RoundResult | None, found: Reach | None) -> VerdictAge:
    """The age of a result, given how far the records reach."""
    as_of = None if result is None else result.as_of
    if found is None:
        return VerdictAge(as_of, None)
    return VerdictAge(as_of, found.until.date(), min(found.days, default=None))


def last_verdict(store: Store, folder: Path) -> Verdict:
    """The last verdict of a store, beside the interactions recorded in `folder`."""
    result, note = last_result(store), store.note(FAILED)
    failure = RoundFailure.model_validate_json(note) if note else None
    return Verdict(result, age_of(result, reach(folder)), failure)
