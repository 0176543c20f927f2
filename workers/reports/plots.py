"""The plots of a report: figures over time, by slice and by position, each with its interval."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from schemas.evaluation_report import Comparison, DayReport, Looked, Shown
from workers.reports import descriptions, formatting
from workers.reports.svg import CROSS, MARKERS, Plot, Scale, ticks

Size = tuple[int, int]
NARROW: Size = (380, 230)
WIDE: Size = (580, 260)
"""Pixels, at full size."""
MAX_ROWS = 24
"""Slices in one plot; the table has the others."""
SERIES = 6
"""Colours of the page: `--series-0` and so on."""
_ROW = 27  # pixels
_MAX_LABEL = 18  # characters to the left of a row
_SQUARE: Size = (380, 260)


class Estimate(NamedTuple):
    """A figure and the ends of its interval; a figure without an interval is both ends itself."""

    value: float
    low: float
    high: float


def estimate(shown: Shown | None) -> Estimate | None:
    """What can be drawn of a figure; None if there is none."""
    if shown is None or shown.value is None or formatting.lacking(shown):
        return None
    if not formatting.between("measure", shown) or shown.low is None or shown.high is None:
        return Estimate(shown.value, shown.value, shown.value)
    return Estimate(shown.value, shown.low, shown.high)


def over_time(name: str, days: Sequence[DayReport], total: Shown | None, size: Size) -> Plot | None:
    """A figure day by day, with its interval; None if no day has one. Open days are hollow, with a dashed line."""
    description = descriptions.describe_figure(name)
    estimates = [(day, figure) for day in days if (figure := estimate(day.figures.get(name)))]
    if not estimates:
        return None
    (first_day, first), (last_day, last) = estimates[0], estimates[-1]
    label = (
        f"{description.title} over time: {formatting.amount(description.form, first.value)} on {first_day.day}, "
        f"{formatting.amount(description.form, last.value)} on {last_day.day}; the table has every day"
    )
    average = estimate(total)
    limits = _limits([figure for _, figure in estimates] + ([average] if average else []))
    x = Scale(days[0].day.toordinal() - 0.7, days[-1].day.toordinal() + 0.7, 46, size[0] - 10)
    plot = Plot(*size, x, Scale(*limits, size[1] - 26, 12), label)
    plot.x_axis(_dates(days[0].day, days[-1].day, 7 if size == WIDE else 5))
    plot.y_axis(_labels(plot.y, description.form, 5))
    if average:
        plot.line("total", (plot.x.low, average.value), (plot.x.high, average.value))
    for run in _consecutive(estimates):
        _draw_run(plot, run)
    bottom, top = plot.y.low, plot.y.high
    for day in days:
        at, figure = day.day.toordinal(), estimate(day.figures.get(name))
        if figure is None:
            plot.marker("cross quiet", at, bottom + 0.02 * (top - bottom), CROSS)
        else:
            plot.marker("dot accent" if day.mature else "hollow open", at, figure.value)
        text = _tooltip(name, str(day.day), day.figures.get(name), mature=day.mature)
        plot.tooltip(text, (at - 0.5, at + 0.5), (bottom, top))
    return plot


def _consecutive(estimates: Sequence[tuple[DayReport, Estimate]]) -> list[list[tuple[DayReport, Estimate]]]:
    """Runs of days without a gap."""
    runs = [[estimates[0]]]
    for before, after in pairwise(estimates):
        if after[0].day - before[0].day == timedelta(days=1):
            runs[-1].append(after)
        else:
            runs.append([after])
    return runs


def _draw_run(plot: Plot, run: Sequence[tuple[DayReport, Estimate]]) -> None:
    """The band of the intervals, a quarter of a day longer at both ends, and the line of the figures."""
    (first_day, first), (last_day, last) = run[0], run[-1]
    begin, end = first_day.day.toordinal() - 0.25, last_day.day.toordinal() + 0.25
    lower = [(begin, first.low), *((day.day.toordinal(), figure.low) for day, figure in run), (end, last.low)]
    upper = [(begin, first.high), *((day.day.toordinal(), figure.high) for day, figure in run), (end, last.high)]
    plot.line("band accent", *lower, *reversed(upper))
    for (before, first), (after, second) in pairwise(run):
        style = "trend accent" if before.mature and after.mature else "trend dashed open"
        plot.line(style, (before.day.toordinal(), first.value), (after.day.toordinal(), second.value))


def by_slice(name: str, slices: Sequence[tuple[str, Shown | None]], total: Shown | None, by: str = "") -> Plot | None:
    """A figure of each slice as a dot with its interval, beside that of all shelves; None if no slice has one."""
    description, slices = descriptions.describe_figure(name, by), slices[:MAX_ROWS]
    rows = [(slice_name, shown, estimate(shown)) for slice_name, shown in slices]
    estimates = [figure for _, _, figure in rows if figure]
    if not estimates:
        return None
    average = estimate(total)
    values = [
        f"{slice_name} {formatting.amount(description.form, figure.value)}" for slice_name, _, figure in rows if figure
    ]
    label = f"{description.title}: {', '.join(values)}"
    low, high = _limits([*estimates, average] if average else estimates)
    plot = _rows_plot(380, Scale(low, high, 134, 322), [slice_name for slice_name, _, _ in rows], label)
    plot.x_axis(_labels(plot.x, description.form, 3), style="grid")
    if average:
        plot.line("total", (average.value, plot.y.low), (average.value, plot.y.high))
    for row, (slice_name, shown, figure) in enumerate(rows):
        plot.tooltip(_tooltip(name, slice_name, shown, by=by), (low, high), (row - 0.5, row + 0.5))
        if figure is None:
            plot.text("not enough evidence", low, row, "lacking", "start")
            continue
        plot.line("range accent", (figure.low, row), (figure.high, row))
        plot.marker("dot accent", figure.value, row)
        plot.right_label(row, formatting.amount(description.form, figure.value), "ink")
    return plot


def by_position(name: str, positions: Sequence[tuple[str, Shown]]) -> Plot | None:
    """A figure of each position, from the first on; None if no position has one."""
    description = descriptions.describe_figure(name, "position")
    rows = [(position, shown, estimate(shown)) for position, shown in positions]
    estimates = [figure for _, _, figure in rows if figure]
    if not estimates:
        return None
    values = [
        f"position {position}: {formatting.amount(description.form, figure.value)}"
        for position, _, figure in rows
        if figure
    ]
    low = min(0.0, *(figure.low for figure in estimates))
    high = 1.06 * max(0.0, *(figure.high for figure in estimates)) or 1.0
    label = f"{description.title} by {'; '.join(values)}"
    plot = _positions_plot(Scale(-0.6, len(rows) - 0.4, 46, 370), low, high, label)
    plot.x_axis({at: position for at, (position, _, _) in enumerate(rows)}, title="position")
    plot.y_axis(_labels(plot.y, description.form, 5))
    for at, (position, shown, figure) in enumerate(rows):
        text = _tooltip(name, f"position {position}", shown, by="position")
        plot.tooltip(text, (at - 0.5, at + 0.5), (low, high))
        if figure:
            plot.line("range accent", (at, figure.low), (at, figure.high))
            plot.marker("dot accent", at, figure.value)
    return plot


def examination_curves(curves: Sequence[Looked]) -> Plot | None:
    """How often each position is examined, a line for each surface and layout; None if nothing is known."""
    known = [(number, curve, points) for number, curve in enumerate(curves) if len(points := _points(curve)) > 1]
    if not known:
        return None
    longest = max(len(points) for _, _, points in known)
    values = []
    for _, curve, points in known:
        known_values = ", ".join(formatting.amount("count", figure.value) for figure in points)
        values.append(f"{formatting.layout_name(curve)}: {known_values}")
    figures = [figure for _, _, points in known for figure in points]
    low = min(0.0, *(figure.low for figure in figures))
    high = max(1.05, *(figure.high for figure in figures))
    label = f"How often each position is examined: {'; '.join(values)}"
    plot = _positions_plot(Scale(0.6, longest + 0.4, 46, 370), low, high, label)
    plot.x_axis({position: str(position) for position in range(1, longest + 1)}, title="position")
    plot.y_axis(_labels(plot.y, "count", 5))
    for line, (number, _, points) in enumerate(known):
        shift = 0.12 * (line - (len(known) - 1) / 2)  # so that intervals at one position do not cover each other
        marker, colour = series(number)
        for position, figure in enumerate(points, 1):
            plot.line(f"range {colour}", (position + shift, figure.low), (position + shift, figure.high))
            plot.marker(f"dot rim {colour}", position + shift, figure.value, marker)
        plot.line(f"trend {colour}", *((position + shift, figure.value) for position, figure in enumerate(points, 1)))
    for position in range(1, longest + 1):
        lines = [f"{formatting.layout_name(curve)}: {_examined(curve, position)}" for _, curve, _ in known]
        text = "\n".join([f"position {position}", *lines])
        plot.tooltip(text, (position - 0.5, position + 0.5), (low, high))
    return plot


def series(number: int) -> tuple[str, str]:
    """The marker and the colour class of a surface and layout, by its number in the report."""
    return MARKERS[number % len(MARKERS)], f"series-{number % SERIES}"


def differences(comparison: Comparison) -> Plot | None:
    """The difference of each figure against 0, each row on a scale of its own; None if there is no difference."""
    rows = [
        (descriptions.describe_figure(name), comparison.figures[name], figure)
        for name in descriptions.ordered(comparison.figures)
        if (figure := estimate(comparison.figures[name]))
    ]
    if not rows:
        return None
    values = [
        f"{description.title} {formatting.difference(description.form, figure.value)}, {formatting.clear(shown)}"
        for description, shown, figure in rows
    ]
    titles = [description.title for description, _, _ in rows]
    plot = _rows_plot(480, Scale(-1.06, 1.06, 170, 396), titles, f"Differences: {'; '.join(values)}", 24)
    plot.x_axis({-1: "lower", 0: "0", 1: "higher"})
    plot.line("zero", (0, plot.y.low), (0, plot.y.high))
    for row, (description, shown, figure) in enumerate(rows):
        scale, is_clear = max(abs(figure.low), abs(figure.high)) or 1.0, formatting.clear(shown) == "clear of 0"
        colour = "accent" if is_clear else "quiet"
        plot.line(f"range {colour}", (figure.low / scale, row), (figure.high / scale, row))
        plot.marker(f"{'dot' if is_clear else 'hollow'} {colour}", figure.value / scale, row)
        difference = formatting.difference(description.form, figure.value).replace(" points", " pt")
        plot.right_label(row, difference, "ink clear" if is_clear else "ink")
        text = f"{description.title}: {difference}, {formatting.clear(shown)}"
        plot.tooltip(text, (plot.x.low, plot.x.high), (row - 0.5, row + 0.5))
    return plot


def _rows_plot(width: int, x: Scale, names: Sequence[str], label: str, max_label: int = _MAX_LABEL) -> Plot:
    """A plot with a named row for each value, the first on top."""
    height = 40 + _ROW * len(names)
    plot = Plot(width, height, x, Scale(-0.5, len(names) - 0.5, 6, height - 30), label)
    plot.y_axis({row: _short(name, max_label) for row, name in enumerate(names)}, style="ink")
    return plot


def _positions_plot(x: Scale, low: float, high: float, label: str) -> Plot:
    return Plot(*_SQUARE, x, Scale(low, high, _SQUARE[1] - 44, 12), label)


def _limits(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """The ends of an axis that has all intervals inside."""
    low, high = min(figure.low for figure in estimates), max(figure.high for figure in estimates)
    room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _labels(scale: Scale, form: formatting.Form, most: int) -> dict[float, str]:
    """Round numbers for an axis."""
    return {
        value: f"{100 * value:.4g} %" if form == "share" else f"{value:.4g}"
        for value in ticks(scale.low, scale.high, most)
    }


def _dates(first: date, last: date, most: int) -> dict[float, str]:
    """At most `most` dates, a day, two days or whole weeks apart."""
    step = next((step for step in (1, 2, 7, 14, 28, 56, 91) if (last - first).days / step < most), 182)
    days = [first + timedelta(days=number) for number in range(0, (last - first).days + 1, step)]
    return {day.toordinal(): f"{day.day} {day:%b}" for day in days}


def _short(name: str, max_length: int) -> str:
    """A name that fits beside its row: of a long path the end, which differs."""
    name = formatting.named(name)
    if len(name) <= max_length:
        return name
    tails = (f"…{name[at:]}" for at, character in enumerate(name) if character == "/")
    return next((tail for tail in tails if len(tail) <= max_length), f"{name[: max_length - 1]}…")


def _points(curve: Looked) -> list[Estimate]:
    return [figure for shown in curve.places if (figure := estimate(shown))]


def _examined(curve: Looked, position: int) -> str:
    shown = curve.places[position - 1] if position <= len(curve.places) else None
    figure = estimate(shown)
    return formatting.amount("count", figure.value) if figure else formatting.lacking(shown)


def _tooltip(name: str, subject: str, shown: Shown | None, *, mature: bool = True, by: str = "") -> str:
    description, figure = descriptions.describe_figure(name, by), estimate(shown)
    if shown is None or figure is None:
        return f"{formatting.plain(subject)}: {formatting.lacking(shown)}"
    interval = formatting.between(description.form, shown)
    lines = [f"{formatting.plain(subject)}: {description.title} {formatting.amount(description.form, figure.value)}"]
    lines += [f"95 % interval {interval}"] if interval else []
    lines += [formatting.evidence(description.unit, shown), *([] if mature else ["may still change"])]
    return "\n".join(lines)
