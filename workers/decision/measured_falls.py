"""How far each measure has fallen, with its interval: beside every verdict, also one that asks for nothing."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from pydantic import BaseModel, ConfigDict

from workers.decision import baseline
from workers.decision.evidence_store import Day
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import RetrainPolicy

_LAST = 7
"""Days that are compared with the first ones: a week, so that each weekday is among them."""
_LEAST = 4
"""Days, of which half are the first ones; of fewer nothing is said."""


class MeasuredFall(BaseModel):
    """A measure on the last days against the model's first ones, at the first ones' mix of categories and surfaces."""

    model_config = ConfigDict(frozen=True)

    measure: str
    before: float
    after: float
    fall: float
    """Relative; negative if it rose. `low` to `high` is its 95 % interval."""
    low: float
    high: float
    first_days: tuple[date, date]
    last_days: tuple[date, date]

    @property
    def certain(self) -> bool:
        """Whether the whole interval is a fall."""
        return self.low > 0

    def __str__(self) -> str:
        """In one line."""
        word, low, high = ("lower", self.low, self.high) if self.fall >= 0 else ("higher", -self.high, -self.low)
        return (
            f"{self.measure} is {abs(self.fall):.1%} {word} (95 %: {low:.1%} to {high:.1%}): {self.after:.3f} from "
            f"{self.last_days[0]} to {self.last_days[1]}, {self.before:.3f} from {self.first_days[0]} to "
            f"{self.first_days[1]}"
        )


def measured_falls(days: Sequence[Day], policy: RetrainPolicy) -> tuple[MeasuredFall, ...]:
    """The falls of a model's observed days, in order; none of a measure that there is too little of.

    Between days, not users: what a day does to everybody is in the interval. Before the reference is complete, the
    first half of the days stands for it.
    """
    usual = list(days[policy.settle_days :])
    if len(usual) < _LEAST:
        return ()
    count = min(policy.reference_days, len(usual) // 2)
    first, last = usual[:count], usual[max(count, len(usual) - _LAST) :]
    falls = (_fall(first, last, measure) for measure in (DCG, NDCG))
    return tuple(each for each in falls if each is not None)


def _fall(first: Sequence[Day], last: Sequence[Day], measure: str) -> MeasuredFall | None:
    against = baseline.reference(first, measure)
    if against is None or against.level <= 0:
        return None
    falls = [fall for day in last if (fall := baseline.shortfall(day, measure, against)) is not None]
    if not falls:
        return None
    fall = float(np.mean(falls)) / against.level
    # A holiday or a release shakes the last days more than the first ones: the wider of the two spreads counts.
    spread = max(against.spread, float(np.std(falls, ddof=1)) if len(falls) > 1 else 0.0)
    error = float(np.hypot(spread / np.sqrt(len(falls)), against.error)) / against.level
    width = _student(len(first) - 1) * error
    return MeasuredFall(
        measure=measure,
        before=against.level,
        after=against.level * (1 - fall),
        fall=fall,
        low=fall - width,
        high=fall + width,
        first_days=(first[0].day, first[-1].day),
        last_days=(last[0].day, last[-1].day),
    )


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to 2 % from three degrees of freedom on.

    >>> [round(_student(each), 2) for each in (6, 27)]
    [2.47, 2.06]
    """
    n = max(freedom, 1)
    return 1.96 + 2.5 / n + 3.2 / n**2 if n > 1 else 12.7
