"""A report as one HTML page that needs nothing else: for someone who must decide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.evaluation_report import Comparison, Figures, Looked, Report, Shown, SliceReport
from workers.decision.decision_round import RoundResult
from workers.reports import decision_section, descriptions, formatting, plots
from workers.reports.svg import Plot

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_WATCHED = ("nDCG@5", "DCG@5")
_ALSO = ("DCG@5 IPS", "no relevant item", "P@1", "P@3", "CTR", "CVR")
"""What is drawn over time: large, and smaller."""
_SLICED = ("nDCG@5", "DCG@5", "no relevant item")
_FEW = 2
"""Of so many rows a table is as easily read as a plot."""


@dataclass(frozen=True)
class Cell:
    """A figure as it stands on the page; where there is none, `missing` says why."""

    title: str
    says: str
    value: str = ""
    interval: str = ""
    rests_on: str = ""
    missing: str = ""
    mark: str = ""

    @property
    def hint(self) -> str:
        """What shows where the pointer rests."""
        interval = f"95 % interval {self.interval}" if self.interval else ""
        told = (self.missing or f"{self.title}: {self.value}", interval, self.rests_on, self.mark)
        return "\n".join(filter(None, told))


@dataclass(frozen=True)
class Table:
    """A table of figures; `rows` are their names, whether they may still change, their cells and how wide each is."""

    caption: str
    of: str
    heads: Sequence[descriptions.FigureDescription]
    rows: Sequence[tuple[str, bool, Sequence[tuple[Cell, int]]]]


@dataclass(frozen=True)
class Section:
    """Plots and the table that says the same."""

    title: str
    says: str
    plots: Sequence[tuple[descriptions.FigureDescription, Plot]]
    table: Table
    more: str = ""


def html_page(report: Report, look: RoundResult | None = None) -> str:
    """The whole HTML document; `look` is what the decision found last."""
    days = report.until - report.since
    return _TEMPLATES.get_template("page.html").render(
        report=report,
        series_colours=plots.SERIES,
        model=formatting.plain(report.model or ""),
        days=days.days,
        first=_day(report.since),
        last=_day(max(report.since, report.until - timedelta(days=1))),
        made=f"{_day(report.at.date())}, {report.at:%H:%M %Z}".strip(),
        headline=[_cell(name, report.total.get(name)) for name in descriptions.headline(report.protocol)],
        index=_index(report),
        over_time=_over_time(report),
        parts=_parts(report),
        places=_places(report),
        comparison=_comparison(report.comparison) if report.comparison else None,
        diagnostics=_diagnostics(report),
        everything=_everything(report.total),
        decision=decision_section.decision_view(look),
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _cell(name: str, shown: Shown | None, by: str = "") -> Cell:
    mean = descriptions.describe_figure(name, by)
    if shown is None or shown.value is None or formatting.lacking(shown):
        return Cell(mean.title, mean.says, missing=formatting.lacking(shown))
    rests_on = formatting.rests_on(mean.of, shown)
    return Cell(
        mean.title, mean.says, formatting.amount(mean.form, shown.value), formatting.between(mean.form, shown), rests_on
    )


def _table(caption: str, of: str, rows: Iterable[tuple[str, bool, Figures]], by: str = "") -> Table:
    rows = list(rows)
    names = descriptions.ordered(name for _, _, figures in rows for name in figures)
    cells = [
        (who, still, _merged(_cell(name, figures.get(name), by) for name in names)) for who, still, figures in rows
    ]
    return Table(caption, formatting.plain(of), [descriptions.describe_figure(name, by) for name in names], cells)


def _merged(cells: Iterable[Cell]) -> list[tuple[Cell, int]]:
    """Each cell with how many columns it takes: those that lack the same stand as one."""
    runs = [list(run) for _, run in groupby(enumerate(cells), key=lambda each: each[1].missing or each[0])]
    return [(run[0][1], len(run)) for run in runs]


def _over_time(report: Report) -> dict[str, object]:
    days, total = report.days, report.total
    large = []
    for name in _WATCHED:
        pair = [plots.over_time(name, days, total.get(name), size) for size in (plots.WIDE, plots.NARROW)]
        if pair[0] is not None:
            large.append((descriptions.describe_figure(name), *pair))
    more = [
        (descriptions.describe_figure(name), plots.over_time(name, days, total.get(name), plots.NARROW))
        for name in _ALSO
    ]
    table = _table("Every day and figure", "day", [(str(day.day), not day.mature, day.figures) for day in days])
    gaps = any(formatting.lacking(day.figures.get(name)) for day in days for name in _WATCHED)
    return {"large": large, "more": [each for each in more if each[1] is not None], "table": table, "gaps": gaps}


def _parts(report: Report) -> list[Section]:
    kinds = descriptions.kinds(each.by for each in report.slices if each.by != "position")
    return [_part(by, [each for each in report.slices if each.by == by], report.total) for by in kinds]


def _part(by: str, slices: Sequence[SliceReport], total: Figures) -> Section:
    title, says = descriptions.KINDS.get(by, (f"By {formatting.plain(by)}", ""))
    # The most shelves first, but ages from young to old.
    slices = sorted(
        slices,
        key=lambda each: descriptions.sort_key(by, each.name) if by == "age" else (-_size(each), each.name),
    )
    rows = [(formatting.named(each.name), False, each.figures) for each in slices]
    names = ("CTR",) if by == "age" else _SLICED
    drawn = []
    if len(slices) >= _FEW:
        for name in names:
            told_of = [(formatting.named(each.name), each.figures.get(name)) for each in slices]
            every = None if by == "age" else total.get(name)
            plot = plots.by_slice(name, told_of, every, by)
            drawn += [(descriptions.describe_figure(name, by), plot)] if plot is not None else []
    more = f"Drawn are the {plots.MAX_ROWS} with the most shelves; the table has all {len(slices)}."
    table = _table(f"{title}, every figure", by, rows, by)
    return Section(title, says, drawn, table, more if drawn and len(slices) > plots.MAX_ROWS else "")


def _size(each: SliceReport) -> int:
    return max((shown.shelves for shown in each.figures.values()), default=0)


def _places(report: Report) -> dict[str, object] | None:
    slices = [each for each in report.slices if each.by == "position"]
    slices.sort(key=lambda each: descriptions.sort_key("position", each.name))
    if not slices and not report.looked:
        return None
    told_of = [(formatting.named(each.name), each.figures["CTR"]) for each in slices if "CTR" in each.figures]
    rows = [(formatting.named(each.name), False, each.figures) for each in slices]
    key = [
        (plots.layout_name(each), *plots.series(number), formatting.ends(each))
        for number, each in enumerate(report.looked)
    ]
    return {
        "plot": plots.by_position("CTR", told_of),
        "table": _table("Every place", "place", rows, "position"),
        "looked": plots.examination_curves(report.looked),
        "key": key,
        "curves": _curves(report.looked),
    }


def _curves(curves: Sequence[Looked]) -> Table:
    most = max((len(each.places) for each in curves), default=0)
    says = "How much this place is looked at; the first one is 1."
    heads = [descriptions.FigureDescription(str(place), says, "count") for place in range(1, most + 1)]
    rows = [
        (plots.layout_name(each), False, _merged(_looked(place, shown) for place, shown in enumerate(each.places, 1)))
        for each in curves
    ]
    return Table("How much each place is looked at", "surface and layout", heads, rows)


def _looked(place: int, shown: Shown) -> Cell:
    title, says = f"place {place}", "How much this place is looked at; the first one is 1."
    if shown.value is None or formatting.lacking(shown):
        return Cell(title, says, missing=formatting.lacking(shown))
    acted = f"{shown.shelves:,} items acted on where they were fewer"
    return Cell(title, says, formatting.amount("count", shown.value), formatting.between("count", shown), acted)


def _comparison(comparison: Comparison) -> dict[str, object]:
    rows = []
    each = (comparison.one_figures, comparison.other_figures) if comparison.one_figures else ()
    for name in descriptions.ordered(comparison.figures):
        cells = [_cell(name, figures.get(name)) for figures in each]
        rows.append((_difference(name, comparison.figures[name]), cells))
    return {
        "one": formatting.named(comparison.one),
        "other": formatting.named(comparison.other),
        "each": each,
        "rows": rows,
        "plot": plots.differences(comparison),
        "says": "" if comparison.scored is None else f"{descriptions.ORDERED} {formatting.scored(comparison.scored)}",
    }


def _difference(name: str, shown: Shown) -> Cell:
    mean = descriptions.describe_figure(name)
    if shown.value is None or formatting.lacking(shown):
        return Cell(mean.title, mean.says, missing=formatting.lacking(shown))
    value, interval = formatting.difference(mean.form, shown.value), formatting.between(mean.form, shown, signed=True)
    return Cell(
        mean.title, mean.says, value, interval, formatting.rests_on(mean.of, shown), mark=formatting.clear(shown)
    )


def _index(report: Report) -> dict[str, str] | None:
    """What stands on a page of the full index, and nowhere else."""
    if report.protocol != "index":
        return None
    return {
        "label": descriptions.INDEX,
        "says": descriptions.INDEX_SAYS,
        "searched": formatting.named(report.searched or ""),
        "scored": "" if report.scored is None else formatting.scored(report.scored),
    }


def _diagnostics(report: Report) -> list[Cell]:
    cells = [_cell(name, report.total.get(name)) for name in descriptions.DIAGNOSTICS]
    title, says = (
        "Listings ever shown",
        "Of the listings that might have been shown, the share that was, at least once.",
    )
    count = f"{report.listings:,} distinct listings"
    if report.listings_share is None:
        cells.append(Cell(title, "How many different listings were shown at least once.", f"{report.listings:,}"))
    else:
        cells.append(Cell(title, says, formatting.amount("share", report.listings_share), rests_on=count))
    return cells


def _everything(total: Figures) -> list[Cell]:
    return [_cell(name, total[name]) for name in descriptions.ordered(total)]
