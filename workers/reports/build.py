"""From the sums of days to a report: every figure with its interval, of all, of each day and of each slice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite

from schemas import evaluation_report as told
from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.estimates import Estimate, NotEnoughEvidence
from workers.evaluation.exact_sums import DayStats, merge_days
from workers.evaluation.figures import compare, figures
from workers.evaluation.shelves import USUAL as USUAL_WINDOWS
from workers.evaluation.shelves import Windows, day_of
from workers.evaluation.slices import ALL


@dataclass(frozen=True)
class Clock:
    """When a report is made, and up to when the records reach: a day is mature by the earlier of the two."""

    at: datetime
    reached: datetime
    windows: Windows = USUAL_WINDOWS

    def mature(self, day: date) -> bool:
        """Whether nothing but late records and erasure can change the figures of `day` any more."""
        return self.windows.is_mature(day_of(day), min(self.at, self.reached))


def build(
    by_day: Sequence[tuple[date, DayStats]],
    clock: Clock,
    choice: EvaluationConfig = USUAL,
    *,
    model: str | None = None,
    catalogue: int | None = None,
    comparison: told.Comparison | None = None,
) -> told.Report:
    """The report of days that follow each other, at least one; `catalogue` is how many listings might have been shown.

    The same sums give the same report, but for `at`.
    """
    summed = figures(merge_days(stats for _, stats in by_day), choice, catalogue)
    days = tuple(
        told.DayReport(
            day=day,
            mature=clock.mature(day),
            figures=report_figures(figures(stats, choice).by_slice.get(ALL, {})),
        )
        for day, stats in by_day
    )
    return told.Report(
        at=clock.at,
        model=model,
        since=by_day[0][0],
        until=date.fromordinal(by_day[-1][0].toordinal() + 1),
        total=report_figures(summed.by_slice.get(ALL, {})),
        days=days,
        slices=tuple(
            told.SliceReport(by=by, name=name, figures=report_figures(mine))
            for (by, name), mine in summed.by_slice.items()
            if (by, name) != ALL
        ),
        looked=tuple(
            told.Looked(surface=surface, layout=layout, places=tuple(map(report_figure, places)))
            for (surface, layout), places in summed.looked.items()
        ),
        listings=summed.listings,
        listings_share=summed.listings_share,
        comparison=comparison,
        open_days=sum(not each.mature for each in days),
    )


def build_comparison(
    one: tuple[str, DayStats], other: tuple[str, DayStats], choice: EvaluationConfig = USUAL
) -> told.Comparison:
    """The differences of two by name; users who are in both are paired."""
    return told.Comparison(one=one[0], other=other[0], figures=report_figures(compare(one[1], other[1], choice)))


def report_figures(measured: Mapping[str, Estimate]) -> told.Figures:
    """Figures by name, as a report has them."""
    return {name: report_figure(each) for name, each in measured.items()}


def report_figure(measured: Estimate) -> told.Shown:
    """A figure as a report has it."""
    if isinstance(measured, NotEnoughEvidence):
        return told.Shown(missing=str(measured))
    # JSON has no infinity: an interval without ends has none to tell.
    low, high = (end if isfinite(end) else None for end in (measured.interval.low, measured.interval.high))
    return told.Shown(
        value=measured.value,
        low=low,
        high=high,
        shelves=measured.shelves,
        users=measured.users,
        effective=measured.effective,
        outside=measured.outside,
    )
