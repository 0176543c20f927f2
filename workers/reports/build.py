"""From the sums of days to a report: every figure with its interval, of all, of each day and of each slice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite

from schemas import evaluation_report as told
from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.estimates import Estimate, NotEnoughEvidence
from workers.evaluation.exact_sums import DayStats, merge_days
from workers.evaluation.figures import Figures, compare, figures
from workers.evaluation.intervals import Interval
from workers.evaluation.planning import POWER, plan
from workers.evaluation.shelves import USUAL as USUAL_WINDOWS
from workers.evaluation.shelves import Windows, day_of
from workers.evaluation.slices import ALL
from workers.evaluation.variants import Split


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
    earlier: DayStats | None = None,
) -> told.Report:
    """The report of days that follow each other, at least one; `catalogue` is how many listings might have been shown.

    How much each place is looked at is learnt from all these days and from `earlier` ones, and holds for each day. The
    same sums give the same report, but for `at`.
    """
    merged = merge_days(stats for _, stats in by_day)
    learnt = merged if earlier is None else merged + earlier
    summed = figures(merged, choice, catalogue, learnt=learnt)
    days = _days(by_day, learnt, clock, choice)
    return told.Report(
        at=clock.at,
        model=model,
        since=by_day[0][0],
        until=date.fromordinal(by_day[-1][0].toordinal() + 1),
        total=report_figures(summed.by_slice.get(ALL, {})),
        days=days,
        slices=_slices(summed),
        looked=_looked(summed),
        listings=summed.listings,
        listings_share=summed.listings_share,
        comparison=comparison,
        open_days=sum(not each.mature for each in days),
    )


def _days(
    by_day: Sequence[tuple[date, DayStats]], learnt: DayStats, clock: Clock, choice: EvaluationConfig
) -> tuple[told.DayReport, ...]:
    figures_of = ((day, figures(stats, choice, learnt=learnt).by_slice.get(ALL, {})) for day, stats in by_day)
    return tuple(
        told.DayReport(day=day, mature=clock.mature(day), figures=report_figures(mine)) for day, mine in figures_of
    )


def _slices(summed: Figures) -> tuple[told.SliceReport, ...]:
    return tuple(
        told.SliceReport(
            by=by, name=name, figures=report_figures(mine), differs=dict(summed.differs.get((by, name), {}))
        )
        for (by, name), mine in summed.by_slice.items()
        if (by, name) != ALL
    )


def _looked(summed: Figures) -> tuple[told.Looked, ...]:
    return tuple(
        told.Looked(surface=surface, layout=layout, places=tuple(map(report_figure, places)))
        for (surface, layout), places in summed.looked.items()
    )


def build_comparison(
    one: tuple[str, DayStats],
    other: tuple[str, DayStats],
    choice: EvaluationConfig = USUAL,
    learnt: DayStats | None = None,
) -> told.Comparison:
    """The differences of two by name; users who are in both are paired. `learnt` teaches how places are looked at."""
    found = compare(one[1], other[1], choice, learnt=learnt)
    return told.Comparison(one=one[0], other=other[0], figures=report_figures(found))


def build_variant(pair: tuple[str, str], split: Split, figures: Mapping[str, Estimate]) -> told.Comparison:
    """The difference of two variants, with the split of their users."""
    counts = told.VariantSplit(one=split.one, other=split.other, both=split.both, p_value=split.p_value)
    return told.Comparison(one=pair[0], other=pair[1], figures=report_figures(figures), split=counts)


def build_plan(by_day: Sequence[tuple[date, DayStats]], choice: EvaluationConfig, effect: float) -> told.Plan:
    """How long an experiment must last to find a relative difference of `effect`."""
    needed = plan([stats for _, stats in by_day], choice, effect)
    planned = {
        name: told.PlannedFigure(one_look=each.one_look, every_look=each.every_look, slope=round(each.growth.slope, 3))
        for name, each in needed.items()
    }
    return told.Plan(effect=effect, power=POWER, days=len(by_day), figures=planned)


def report_figures(measured: Mapping[str, Estimate]) -> told.Figures:
    """Figures by name, as a report has them."""
    return {name: report_figure(each) for name, each in measured.items()}


def report_figure(measured: Estimate) -> told.Shown:
    """A figure as a report has it."""
    if isinstance(measured, NotEnoughEvidence):
        return told.Shown(missing=str(measured))
    low, high = _ends(measured.interval)
    anytime_low, anytime_high = _ends(measured.anytime)
    return told.Shown(
        value=measured.value,
        low=low,
        high=high,
        shelves=measured.shelves,
        users=measured.users,
        effective=measured.effective,
        outside=measured.outside,
        anytime_low=anytime_low,
        anytime_high=anytime_high,
    )


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """JSON has no infinity: an interval without ends has none to tell."""
    if interval is None:
        return None, None
    return interval.low if isfinite(interval.low) else None, interval.high if isfinite(interval.high) else None
