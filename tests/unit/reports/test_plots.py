"""What plots draw in unusual cases: one value, no difference, a gap between days, more curves than markers."""

from datetime import date, timedelta

import pytest

from schemas.evaluation_report import DayReport, Looked, Shown
from workers.reports import plots
from workers.reports.svg import ticks

DAY = date(2026, 9, 1)


def _shown(value: float) -> Shown:
    return Shown(value=value, low=value, high=value, shelves=200, users=50.0)


@pytest.mark.parametrize(
    ("low", "high", "most"), [(-1.0, 1.0, 5), (0.0, 1.0, 5), (0.499, 0.501, 3), (0.0, 1e-6, 5), (-30.0, 70.0, 3)]
)
def test_ticks_are_few_and_within_the_axis(low: float, high: float, most: int) -> None:
    """At least one, at most one more than the steps that fit."""
    values = ticks(low, high, most)
    assert 1 <= len(values) <= most + 1
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize("value", [0.0, 0.5, -0.2])
def test_a_single_value_is_drawn(value: float) -> None:
    """An axis is never empty, also if all values are equal, or 0."""
    days = [DayReport(day=DAY, mature=True, figures={"DCG@5": _shown(value)})]
    assert plots.over_time("DCG@5", days, _shown(value), plots.WIDE)
    assert plots.by_slice("DCG@5", [("app", _shown(value))], None)
    assert plots.by_position("CTR", [("1", _shown(value))])


def test_a_line_does_not_cross_a_gap_between_days() -> None:
    """Three days, of which the middle one has no figure, are two bands, no line, and a cross."""
    days = [
        DayReport(day=DAY + timedelta(days=number), mature=True, figures={} if number == 1 else {"CTR": _shown(0.1)})
        for number in range(3)
    ]
    plot = plots.over_time("CTR", days, None, plots.NARROW)
    assert plot is not None
    assert [path.style for path in plot.paths if path.style != "grid"] == ["band accent", "band accent"]
    assert [marker.style for marker in plot.markers] == ["dot accent", "cross quiet", "dot accent"]


def test_the_figure_of_all_days_is_within_the_axis() -> None:
    """Also if it is above every day's."""
    days = [DayReport(day=DAY, mature=True, figures={"CTR": _shown(0.1)})]
    plot = plots.over_time("CTR", days, _shown(0.9), plots.NARROW)
    assert plot is not None
    assert all(0 <= y <= plot.height for path in plot.paths for _, y in path.points)


def test_curves_beyond_the_last_marker_begin_again() -> None:
    """Each of eight layouts has a line with its own colour class, as far as there are colours."""
    figures = (_shown(1.0), _shown(0.6))
    curves = [Looked(surface="app", layout=str(number), places=figures) for number in range(8)]
    plot = plots.examination_curves(curves)
    assert plot is not None
    styles = [path.style for path in plot.paths if path.style.startswith("trend")]
    assert styles == [f"trend series-{number % plots.SERIES}" for number in range(8)]
