"""The plots of a report: figures over time, by name and by place, each with its interval."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from markupsafe import Markup

from schemas.evaluation_report import Comparison, DayReport, Looked, Shown
from workers.reports import descriptions, formatting, plot_marks
from workers.reports.svg import ACCENT, CARD, INK, OPEN, QUIET, SERIES, Canvas, render_svg

Size = tuple[int, int]
NARROW: Size = (380, 230)
WIDE: Size = (580, 260)
"""Pixels, as they are shown where there is room for them."""
MOST = 24
"""So many rows a plot has at most."""
_ROW = 27  # pixels
_MARKERS = "osD^vP"


def over_time(name: str, days: Sequence[DayReport], total: Shown | None, size: Size, key: str) -> Markup | None:
    """A figure day by day, with its interval; None where no day has one. Open days are hollow, with a dashed line."""
    mean = descriptions.describe_figure(name)
    told = [(day, day.figures[name]) for day in days if not formatting.lacking(day.figures.get(name))]
    if not told:
        return None

    def draw(sheet: Canvas) -> None:
        axes = sheet.axes
        low, high = plot_marks.limits([shown for _, shown in told])
        axes.set_ylim(low, high)
        axes.set_xlim(days[0].day.toordinal() - 0.7, days[-1].day.toordinal() + 0.7)
        if total is not None and not formatting.lacking(total):
            axes.axhline(plot_marks.value(total), color=QUIET, lw=1, ls=(0, (1, 3)))
        for run in _runs(told):
            _line(sheet, run)
        for day, shown in told:
            at, colour = day.day.toordinal(), ACCENT if day.mature else OPEN
            axes.plot(
                [at], [plot_marks.value(shown)], "o", ms=5, mec=colour, mew=1.4, mfc=colour if day.mature else CARD
            )
        for day in days:
            at = day.day.toordinal()
            if formatting.lacking(day.figures.get(name)):
                axes.plot([at], [low + 0.02 * (high - low)], "x", ms=4, color=QUIET, clip_on=False)
            sheet.hover(at - 0.5, low, 1, high - low, _says(name, str(day.day), day.figures.get(name), day.mature))
        plot_marks.dates(sheet, days[0].day, days[-1].day, 7 if size[0] > NARROW[0] else 5)
        plot_marks.scale(sheet, mean.form)

    first, last = told[0], told[-1]
    label = (
        f"{mean.title} over time: {formatting.amount(mean.form, plot_marks.value(first[1]))} on {first[0].day}, "
        f"{formatting.amount(mean.form, plot_marks.value(last[1]))} on {last[0].day}; the table has every day"
    )
    return render_svg(key, size, (46, 12, 10, 26), label, draw)


def _runs(told: Sequence[tuple[DayReport, Shown]]) -> list[list[tuple[DayReport, Shown]]]:
    """Days that follow each other."""
    runs = [[told[0]]]
    for before, after in pairwise(told):
        if after[0].day - before[0].day == timedelta(days=1):
            runs[-1].append(after)
        else:
            runs.append([after])
    return runs


def _line(sheet: Canvas, run: Sequence[tuple[DayReport, Shown]]) -> None:
    at = [day.day.toordinal() for day, _ in run]
    # A day alone is a bar half a day wide.
    edges = [at[0] - 0.25, *at[1:-1], at[-1] + 0.25] if len(at) > 1 else [at[0] - 0.25, at[0] + 0.25]
    ends = [plot_marks.ends(shown) for _, shown in run]
    ends = ends if len(ends) > 1 else ends * 2
    sheet.axes.fill_between(edges, [low for low, _ in ends], [high for _, high in ends], color=ACCENT, alpha=0.18, lw=0)
    for (one, first), (other, second) in pairwise(run):
        solid = one.mature and other.mature
        sheet.axes.plot(
            [one.day.toordinal(), other.day.toordinal()],
            [plot_marks.value(first), plot_marks.value(second)],
            color=ACCENT if solid else OPEN,
            lw=1.6,
            ls="-" if solid else (0, (3, 2)),
        )


def by_name(
    name: str, slices: Sequence[tuple[str, Shown | None]], total: Shown | None, key: str, by: str = ""
) -> Markup | None:
    """A figure of each slice as a dot with its interval, beside that of all shelves; None where none has one."""
    mean, slices = descriptions.describe_figure(name, by), slices[:MOST]
    told = [shown for _, shown in slices if shown is not None and not formatting.lacking(shown)]
    if not told:
        return None
    every = None if total is None or formatting.lacking(total) else total

    def draw(sheet: Canvas) -> None:
        axes = sheet.axes
        low, high = plot_marks.limits([*told, *([every] if every else [])])
        axes.set_xlim(low, high)
        axes.set_ylim(len(slices) - 0.5, -0.5)
        if every is not None:
            axes.axvline(plot_marks.value(every), color=QUIET, lw=1, ls=(0, (1, 3)))
        for row, (who, shown) in enumerate(slices):
            sheet.hover(low, row - 0.5, high - low, 1, _says(name, who, shown, by=by))
            if shown is None or formatting.lacking(shown):
                axes.text(low, row, "not enough evidence", va="center", color=QUIET, style="italic", fontsize=11)
                continue
            axes.plot(plot_marks.ends(shown), [row, row], color=ACCENT, lw=2.4, alpha=0.55, solid_capstyle="round")
            axes.plot([plot_marks.value(shown)], [row], "o", ms=7, color=ACCENT)
            plot_marks.beside(sheet, row, formatting.amount(mean.form, plot_marks.value(shown)))
        plot_marks.rows(sheet, [who for who, _ in slices])
        plot_marks.scale(sheet, mean.form, across=True)

    shares = ", ".join(
        f"{who} {formatting.amount(mean.form, plot_marks.value(shown))}"
        for who, shown in slices
        if shown is not None and not formatting.lacking(shown)
    )
    return render_svg(key, (380, 40 + _ROW * len(slices)), (134, 6, 58, 30), f"{mean.title}: {shares}", draw)


def by_place(name: str, places: Sequence[tuple[str, Shown]], key: str) -> Markup | None:
    """A figure of each place, from the first on; None where no place has one."""
    mean = descriptions.describe_figure(name, "position")
    told = [(place, shown) for place, shown in places if not formatting.lacking(shown)]
    if not told:
        return None

    def draw(sheet: Canvas) -> None:
        low, high = (
            min(0.0, *(plot_marks.ends(shown)[0] for _, shown in told)),
            max(plot_marks.ends(shown)[1] for _, shown in told) * 1.06,
        )
        sheet.axes.set_ylim(low, high)
        sheet.axes.set_xlim(-0.6, len(places) - 0.4)
        for at, (place, shown) in enumerate(places):
            sheet.hover(at - 0.5, low, 1, high - low, _says(name, f"place {place}", shown, by="position"))
            if not formatting.lacking(shown):
                sheet.axes.plot(
                    [at, at], plot_marks.ends(shown), color=ACCENT, lw=2.4, alpha=0.55, solid_capstyle="round"
                )
                sheet.axes.plot([at], [plot_marks.value(shown)], "o", ms=7, color=ACCENT)
        sheet.axes.set_xticks(range(len(places)), [place for place, _ in places])
        sheet.axes.set_xlabel("place")
        plot_marks.scale(sheet, mean.form)

    label = "; ".join(
        f"place {place}: {formatting.amount(mean.form, plot_marks.value(shown))}" for place, shown in told
    )
    return render_svg(key, (380, 260), (46, 12, 10, 44), f"{mean.title} by place: {label}", draw)


def looked(curves: Sequence[Looked], key: str) -> Markup | None:
    """How much each place is looked at, a line for each surface and layout; None where nothing is known."""
    known = [(mark(number), each) for number, each in enumerate(curves) if len(_known(each)) > 1]
    if not known:
        return None
    longest = max(len(_known(each)) for _, each in known)

    def draw(sheet: Canvas) -> None:
        axes = sheet.axes
        ends = [end for _, each in known for shown in _known(each) for end in plot_marks.ends(shown)]
        axes.set_ylim(min(0.0, *ends), max(1.05, *ends))
        axes.set_xlim(0.6, longest + 0.4)
        for number, ((marker, colour), each) in enumerate(known):
            shift = 0.12 * (number - (len(known) - 1) / 2)
            told = [(place + shift, shown) for place, shown in enumerate(_known(each), 1)]
            for place, shown in told:
                axes.plot(
                    [place, place], plot_marks.ends(shown), color=colour, lw=2, alpha=0.45, solid_capstyle="round"
                )
            xs, ys = [place for place, _ in told], [plot_marks.value(shown) for _, shown in told]
            axes.plot(xs, ys, color=colour, lw=1.4, marker=marker, ms=6.5, mec=CARD, mew=0.8)
        low, high = axes.get_ylim()
        for place in range(1, longest + 1):
            said = [f"{layout_name(each)}: {_at(each, place)}" for _, each in known]
            sheet.hover(place - 0.5, low, 1, high - low, "\n".join([f"place {place}", *said]))
        axes.set_xticks(range(1, longest + 1))
        axes.set_xlabel("place")
        plot_marks.scale(sheet, "count")

    label = "; ".join(
        f"{layout_name(each)}: {', '.join(_at(each, 1 + n) for n in range(len(_known(each))))}" for _, each in known
    )
    return render_svg(key, (380, 260), (46, 12, 10, 44), f"How much each place is looked at: {label}", draw)


def mark(number: int) -> tuple[str, str]:
    """The marker and the colour of the line of a surface and layout, by its number among them."""
    return _MARKERS[number % len(_MARKERS)], SERIES[number % len(SERIES)]


def layout_name(curve: Looked) -> str:
    """The surface and the layout in words."""
    return formatting.named(f"{curve.surface} {curve.layout}")


def differences(comparison: Comparison, key: str) -> Markup | None:
    """The difference of each figure against 0, each row on a scale of its own; None where there is none."""
    told = [
        (name, comparison.figures[name])
        for name in descriptions.ordered(comparison.figures)
        if not formatting.lacking(comparison.figures[name])
    ]
    if not told:
        return None

    def draw(sheet: Canvas) -> None:
        sheet.axes.set_xlim(-1.06, 1.06)
        sheet.axes.set_ylim(len(told) - 0.5, -0.5)
        sheet.axes.axvline(0, color=INK, lw=1.2)
        for row, (name, shown) in enumerate(told):
            low, high = plot_marks.ends(shown)
            scale = max(abs(low), abs(high)) or 1.0
            clear = formatting.clear(shown) == "clear of 0"
            colour = ACCENT if clear else QUIET
            sheet.axes.plot([low / scale, high / scale], [row, row], color=colour, lw=2.4, alpha=0.6)
            at = plot_marks.value(shown) / scale
            sheet.axes.plot([at], [row], "o", ms=7, mec=colour, mew=1.5, mfc=colour if clear else CARD)
            said = formatting.difference(descriptions.describe_figure(name).form, plot_marks.value(shown)).replace(
                " points", " pt"
            )
            plot_marks.beside(sheet, row, said, bold=clear)
            sheet.hover(
                -1.06,
                row - 0.5,
                2.12,
                1,
                f"{descriptions.describe_figure(name).title}: {said}, {formatting.clear(shown)}",
            )
        plot_marks.rows(sheet, [descriptions.describe_figure(name).title for name, _ in told], 24)
        sheet.axes.set_xticks([-1, 0, 1], ["lower", "0", "higher"])
        sheet.axes.tick_params(axis="x", length=0)

    said = [(descriptions.describe_figure(name), shown) for name, shown in told]
    label = "; ".join(
        f"{mean.title} {formatting.difference(mean.form, plot_marks.value(shown))}, {formatting.clear(shown)}"
        for mean, shown in said
    )
    return render_svg(key, (480, 40 + _ROW * len(told)), (170, 6, 84, 30), f"Differences: {label}", draw)


def _known(curve: Looked) -> list[Shown]:
    return [shown for shown in curve.places if not formatting.lacking(shown)]


def _at(curve: Looked, place: int) -> str:
    shown = curve.places[place - 1] if place <= len(curve.places) else None
    return formatting.lacking(shown) or formatting.amount("count", plot_marks.value(shown))


def _says(name: str, where: str, shown: Shown | None, mature: bool = True, by: str = "") -> str:
    mean = descriptions.describe_figure(name, by)
    if shown is None or formatting.lacking(shown):
        return f"{formatting.plain(where)}: {formatting.lacking(shown)}"
    interval = formatting.between(mean.form, shown)
    said = [f"{formatting.plain(where)}: {mean.title} {formatting.amount(mean.form, plot_marks.value(shown))}"]
    said += [f"95 % interval {interval}"] if interval else []
    said += [formatting.rests_on(mean.of, shown), *([] if mature else ["may still change"])]
    return "\n".join(said)
