"""A report as one HTML page without external resources: for someone who must decide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.evaluation_report import Comparison, Figures, Looked, Plan, Report, Shown, SliceReport
from workers.decision.verdict import Verdict
from workers.reports import decision_section, descriptions, formatting, plots
from workers.reports.descriptions import FigureDescription, describe_figure
from workers.reports.svg import Plot

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LARGE_PLOTS = ("nDCG@5", "DCG@5")
_SMALL_PLOTS = ("DCG@5 IPS", "no relevant item", "P@1", "P@3", "CTR", "CVR")
"""The figures that are plotted over time."""
_SLICE_PLOTS = ("nDCG@5", "DCG@5", "no relevant item")
_MIN_SLICES = 2
"""A single slice is not plotted: its table is enough."""
_EXAMINED = "How often this position is examined, relative to position 1."


@dataclass(frozen=True)
class Cell:
    """A figure on the page; if there is none, `missing` says why."""

    title: str
    meaning: str
    value: str = ""
    interval: str = ""
    evidence: str = ""
    missing: str = ""
    mark: str = ""
    beside: str = ""
    """What the figure is to be read beside."""
    anytime: str = ""
    """The interval of a difference that holds at every look."""

    @property
    def tooltip(self) -> str:
        """All of it, for a pointer that rests on it."""
        interval = f"95 % interval {self.interval}" if self.interval else ""
        lines = (self.missing or f"{self.title}: {self.value}", interval, self.evidence, self.beside, self.mark)
        return "\n".join(filter(None, lines))


@dataclass(frozen=True)
class Row:
    """A row of a table; each cell comes with the number of columns that it spans."""

    name: str
    is_open: bool
    cells: Sequence[tuple[Cell, int]]


@dataclass(frozen=True)
class Table:
    """A table of figures; `row_kind` is what its rows are: days, a kind of slices."""

    caption: str
    row_kind: str
    headings: Sequence[FigureDescription]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Section:
    """Plots, and the table with the same figures."""

    title: str
    meaning: str
    plots: Sequence[tuple[FigureDescription, Plot]]
    table: Table
    truncated: str = ""
    """How many slices the plots leave out; empty if none."""
    differing: Sequence[str] = ()
    """The slices that differ from all shelves, and by what."""
    compared: bool = False
    """Whether slices were compared with all shelves at all."""


def html_page(report: Report, verdict: Verdict | None = None) -> str:
    """The HTML document of a report, with the verdict of the last decision round."""
    return _TEMPLATES.get_template("page.html").render(
        report=report,
        series_colours=plots.SERIES,
        model=formatting.plain(report.model or ""),
        days=(report.until - report.since).days,
        first=_date(report.since),
        last=_date(max(report.since, report.until - timedelta(days=1))),
        computed=f"{_date(report.at.date())}, {report.at:%H:%M %Z}".strip(),
        headline=[_tile(name, report.total) for name in descriptions.headline(report.protocol)],
        index=_index(report),
        over_time=_over_time(report),
        slices=_slice_sections(report),
        positions=_positions(report),
        comparisons=[
            _comparison(each) for each in ((report.comparison,) if report.comparison else ()) + report.variants
        ],
        plan=_plan(report.plan) if report.plan else None,
        diagnostics=_diagnostics(report),
        all_figures=[_cell(name, report.total[name]) for name in descriptions.ordered(report.total)],
        decision=decision_section.decision_view(verdict),
    )


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _cell(name: str, shown: Shown | None, by: str = "") -> Cell:
    description = describe_figure(name, by)
    if shown is None or shown.value is None or formatting.lacking(shown):
        return Cell(description.title, description.meaning, missing=formatting.lacking(shown))
    return Cell(
        description.title,
        description.meaning,
        formatting.amount(description.form, shown.value),
        formatting.between(description.form, shown),
        formatting.evidence(description.unit, shown),
    )


def _tile(name: str, total: Figures) -> Cell:
    return replace(_cell(name, total.get(name)), beside=formatting.baseline(total, name))


def _table(caption: str, row_kind: str, rows: Sequence[tuple[str, bool, Figures]], by: str = "") -> Table:
    names = descriptions.ordered(name for _, _, figures in rows for name in figures)
    table_rows = [
        Row(name, is_open, _merged(_cell(figure, figures.get(figure), by) for figure in names))
        for name, is_open, figures in rows
    ]
    return Table(caption, formatting.plain(row_kind), [describe_figure(name, by) for name in names], table_rows)


def _merged(cells: Iterable[Cell]) -> list[tuple[Cell, int]]:
    """Each cell and the number of columns it spans: neighbours that lack the same become one."""
    runs = [list(run) for _, run in groupby(enumerate(cells), key=lambda item: item[1].missing or item[0])]
    return [(run[0][1], len(run)) for run in runs]


def _over_time(report: Report) -> dict[str, object]:
    days, total = report.days, report.total
    large = []
    for name in _LARGE_PLOTS:
        sizes = [plots.over_time(name, days, total.get(name), size) for size in (plots.WIDE, plots.NARROW)]
        if sizes[0] is not None:
            large.append((describe_figure(name), *sizes))
    small = [
        (describe_figure(name), plot)
        for name in _SMALL_PLOTS
        if (plot := plots.over_time(name, days, total.get(name), plots.NARROW))
    ]
    table = _table("Every day and figure", "day", [(str(day.day), not day.mature, day.figures) for day in days])
    gaps = any(formatting.lacking(day.figures.get(name)) for day in days for name in _LARGE_PLOTS)
    return {"large": large, "small": small, "table": table, "gaps": gaps}


def _slice_sections(report: Report) -> list[Section]:
    kinds = descriptions.kinds(item.by for item in report.slices if item.by != "position")
    return [_slice_section(by, [item for item in report.slices if item.by == by], report.total) for by in kinds]


def _slice_section(by: str, slices: Sequence[SliceReport], total: Figures) -> Section:
    names: tuple[str, ...] = _SLICE_PLOTS
    if by == "age":
        names, total = ("CTR",), {}
        slices = sorted(slices, key=lambda item: descriptions.sort_key(by, item.name))
    else:
        slices = sorted(slices, key=lambda item: (-_shelves(item), item.name))
    title, meaning = descriptions.kind(by)
    drawings = []
    for name in names if len(slices) >= _MIN_SLICES else ():
        values = [(formatting.named(item.name), item.figures.get(name)) for item in slices]
        if plot := plots.by_slice(name, values, total.get(name), by):
            drawings.append((describe_figure(name, by), plot))
    rows = [(formatting.named(item.name), False, item.figures) for item in slices]
    truncated = f"Plotted are the {plots.MAX_ROWS} with the most shelves; the table has all {len(slices)}."
    return Section(
        title,
        meaning,
        drawings,
        _table(f"{title}, every figure", by, rows, by),
        truncated if drawings and len(slices) > plots.MAX_ROWS else "",
        _differing(slices),
        any(item.differs for item in slices),
    )


def _differing(slices: Sequence[SliceReport]) -> list[str]:
    found = ((formatting.named(item.name), formatting.differing(item.differs)) for item in slices)
    return [f"{name}: {', '.join(figures)}" for name, figures in found if figures]


def _shelves(item: SliceReport) -> int:
    return max((shown.shelves for shown in item.figures.values()), default=0)


def _positions(report: Report) -> dict[str, object] | None:
    slices = [item for item in report.slices if item.by == "position"]
    slices.sort(key=lambda item: descriptions.sort_key("position", item.name))
    if not slices and not report.looked:
        return None
    click_rates = [(formatting.named(item.name), item.figures["CTR"]) for item in slices if "CTR" in item.figures]
    rows = [(formatting.named(item.name), False, item.figures) for item in slices]
    legend = [
        (formatting.layout_name(curve), *plots.series(number), formatting.curve_end(curve))
        for number, curve in enumerate(report.looked)
    ]
    return {
        "click_rates": plots.by_position("CTR", click_rates),
        "table": _table("Every position", "position", rows, "position"),
        "examination": plots.examination_curves(report.looked),
        "legend": legend,
        "examination_table": _examination_table(report.looked),
    }


def _examination_table(curves: Sequence[Looked]) -> Table:
    longest = max((len(curve.places) for curve in curves), default=0)
    headings = [FigureDescription(str(position), _EXAMINED, "count") for position in range(1, longest + 1)]
    rows = [
        Row(
            formatting.layout_name(curve),
            is_open=False,
            cells=_merged(_examination_cell(position, shown) for position, shown in enumerate(curve.places, 1)),
        )
        for curve in curves
    ]
    return Table("How often each position is examined", "surface and layout", headings, rows)


def _examination_cell(position: int, shown: Shown) -> Cell:
    title = f"position {position}"
    if shown.value is None or formatting.lacking(shown):
        return Cell(title, _EXAMINED, missing=formatting.lacking(shown))
    value, interval = formatting.amount("count", shown.value), formatting.between("count", shown)
    return Cell(title, _EXAMINED, value, interval, f"at least {shown.shelves:,} items acted on at either position")


def _comparison(comparison: Comparison) -> dict[str, object]:
    both = (comparison.one_figures, comparison.other_figures) if comparison.one_figures else ()
    rows = [
        (_difference(name, comparison.figures[name]), [_cell(name, figures.get(name)) for figures in both])
        for name in descriptions.ordered(comparison.figures)
    ]
    scored = comparison.scored
    return {
        "one": formatting.named(comparison.one),
        "other": formatting.named(comparison.other),
        "both": bool(both),
        "rows": rows,
        "plot": plots.differences(comparison),
        "anytime": descriptions.ANYTIME,
        "split": formatting.split(comparison.split) if comparison.split else "",
        "coverage": "" if scored is None else f"{descriptions.RERANKED} {formatting.coverage(scored)}",
    }


def _plan(plan: Plan) -> dict[str, object]:
    rows = [
        (describe_figure(name), *map(formatting.planned_days, (needed.one_look, needed.every_look)))
        for name, needed in ((name, plan.figures[name]) for name in descriptions.ordered(plan.figures))
    ]
    return {
        "effect": f"{plan.effect:.1%}",
        "power": f"{plan.power:.0%}",
        "rows": rows,
        "basis": formatting.plan_basis(plan),
    }


def _difference(name: str, shown: Shown) -> Cell:
    description = describe_figure(name)
    if shown.value is None or formatting.lacking(shown):
        return Cell(description.title, description.meaning, missing=formatting.lacking(shown))
    return Cell(
        description.title,
        description.meaning,
        formatting.difference(description.form, shown.value),
        formatting.between(description.form, shown, signed=True),
        formatting.evidence(description.unit, shown),
        mark=formatting.clear(shown),
        anytime=formatting.anytime(description.form, shown),
    )


def _index(report: Report) -> dict[str, str] | None:
    """The words that only a page of the full index has."""
    if report.protocol != "index":
        return None
    return {
        "label": descriptions.INDEX,
        "meaning": descriptions.INDEX_MEANING,
        "searched": formatting.named(report.searched or ""),
        "coverage": "" if report.scored is None else formatting.coverage(report.scored),
    }


def _diagnostics(report: Report) -> list[Cell]:
    cells = [_cell(name, report.total.get(name)) for name in descriptions.DIAGNOSTICS]
    title = "Listings ever shown"
    if report.listings_share is None:
        return [*cells, Cell(title, "The number of different listings on any shelf.", f"{report.listings:,}")]
    share = formatting.amount("share", report.listings_share)
    meaning = "The share of the listings that could be shown that were on a shelf at least once."
    return [*cells, Cell(title, meaning, share, evidence=f"{report.listings:,} distinct listings")]
