"""What plots have in common: scales, names of rows, dates, and where a figure and its interval lie."""

from collections.abc import Sequence
from datetime import date, timedelta

from schemas.evaluation_report import Shown
from workers.reports import formatting
from workers.reports.svg import INK, LINE, Canvas

_LABEL = 18  # letters that there is room for


def value(shown: Shown | None) -> float:
    """The figure itself; 0 where there is none."""
    return shown.value if shown is not None and shown.value is not None else 0.0


def ends(shown: Shown) -> tuple[float, float]:
    """The ends of its interval; where there is none, the figure itself twice."""
    if not formatting.between("measure", shown) or shown.low is None or shown.high is None:
        return value(shown), value(shown)
    return shown.low, shown.high


def limits(told: Sequence[Shown]) -> tuple[float, float]:
    """From where to where an axis goes, so that all intervals are within."""
    both = [ends(shown) for shown in told]
    low, high = min(low for low, _ in both), max(high for _, high in both)
    room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def rows(sheet: Canvas, names: Sequence[str], letters: int = _LABEL) -> None:
    """The names of rows, with `letters` at most, and a faint line at each."""
    sheet.axes.set_yticks(range(len(names)), [_short(name, letters) for name in names])
    sheet.axes.tick_params(axis="y", labelcolor=INK, pad=6)
    for row in range(len(names)):
        sheet.axes.axhline(row, color=LINE, lw=1, zorder=0)


def beside(sheet: Canvas, row: int, text: str, *, bold: bool = False) -> None:
    """What stands to the right of a row."""
    sheet.axes.text(
        1.03,
        row,
        text,
        transform=sheet.axes.get_yaxis_transform(),
        va="center",
        color=INK,
        weight="bold" if bold else "normal",
    )


def _short(name: str, letters: int) -> str:
    """A name that fits beside its row: of a path the end, where it differs."""
    name = formatting.named(name)
    if len(name) <= letters:
        return name
    tails = (f"…{name[at:]}" for at, letter in enumerate(name) if letter == "/")
    return next((end for end in tails if len(end) <= letters), f"{name[: letters - 1]}…")


def scale(sheet: Canvas, form: formatting.Form, *, across: bool = False) -> None:
    """Few round numbers, and faint lines at them."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = sheet.axes.xaxis if across else sheet.axes.yaxis
    axis.set_major_locator(MaxNLocator(3 if across else 5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:.4g} %" if form == "share" else f"{value:.4g}")
    )
    sheet.axes.grid(axis="x" if across else "y", color=LINE, lw=1)
    axis.set_tick_params(length=0)


def dates(sheet: Canvas, first: date, last: date, most: int) -> None:
    """At most so many dates, a round number of days apart."""
    every = next((step for step in (1, 2, 7, 14, 28, 56, 91) if (last - first).days / step < most), 182)
    days = [first + timedelta(days=step) for step in range(0, (last - first).days + 1, every)]
    sheet.axes.set_xticks([day.toordinal() for day in days], [f"{day.day} {day:%b}" for day in days])
    sheet.axes.tick_params(axis="x", length=3)
