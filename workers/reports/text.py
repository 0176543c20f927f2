"""A report as text: styled tables on a terminal, plain aligned columns anywhere else."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypedDict

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.evaluation_report import Attributed, Comparison, Figures, Plan, Report, Shown, SliceReport, Sources
from workers.reports import descriptions, formatting


class _ConsoleOptions(TypedDict):
    markup: bool
    emoji: bool
    highlight: bool


_WIDTH = 100
"""Columns to which sentences are wrapped; tables are as wide as they need."""
_PLAIN_WIDTH = 10_000
_UNINTERPRETED: _ConsoleOptions = {"markup": False, "emoji": False, "highlight": False}
"""Text from outside is not interpreted: no markup, no emoji codes, no colours for numbers."""
_COLUMNS = ("nDCG@5", "nDCG@5 random to best", "P@1", "P@3", "no relevant item", "DCG@5", "DCG@5 IPS")
"""The figures of a day or a slice that one row has room for; the page and the JSON document have all."""

Row = tuple[str, Figures]
"""A name and its figures."""


def text_report(report: Report) -> str:
    """The report as plain text, with no styles and no trailing spaces."""
    return _rendered(report, Console(width=_PLAIN_WIDTH, color_system=None, force_terminal=False, **_UNINTERPRETED))


def terminal_report(report: Report, width: int) -> str:
    """The same with styles, for a terminal of `width` columns: cells are folded if a table is wider."""
    return _rendered(report, Console(width=width, force_terminal=True, **_UNINTERPRETED))


def _rendered(report: Report, console: Console) -> str:
    with console.capture() as captured:
        for number, section in enumerate(_sections(report)):
            if number:
                console.print()
            console.print(section)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _sections(report: Report) -> Iterator[RenderableType]:
    yield _head(report)
    yield _totals(report)
    if report.days:
        yield _days(report)
    slices = sorted(report.slices, key=lambda item: descriptions.sort_key(item.by, item.name))
    for by in descriptions.kinds(item.by for item in report.slices):
        yield _slices(by, [item for item in slices if item.by == by])
    if report.looked:
        yield _examination(report)
    if report.comparison is not None:
        yield _comparison(report.comparison)
    for variant in report.variants:
        yield _comparison(variant)
    if report.plan is not None:
        yield _plan(report.plan)
    yield _legend(report)


def _head(report: Report) -> RenderableType:
    last = report.until - timedelta(days=1)
    days = f"{report.since} to {last}" if last >= report.since else "no day yet"
    model = f"model {formatting.plain(report.model)}" if report.model else "all models"
    still_open = f", {report.open_days} of the days may still change" if report.open_days else ""
    head = f"{model}, {days}{still_open}; computed {report.at:%Y-%m-%d %H:%M} {report.at:%Z}".rstrip()
    if report.protocol == "index":
        title = f"{descriptions.INDEX.upper()}, of what {formatting.plain(report.searched or '')} lists"
        coverage = [] if report.scored is None else [_sentence(formatting.coverage(report.scored))]
        return _section(title, _sentence(descriptions.INDEX_MEANING), f"shelves of {head}", *coverage)
    share = "" if report.listings_share is None else f", {report.listings_share:.1%} of those that could be shown"
    return Group(
        head,
        f"{report.listings:,} distinct listings shown{share}",
        *_attribution(report.attributed),
        *_sources(report.sources),
    )


def _attribution(counts: Attributed | None) -> list[RenderableType]:
    if counts is None or not counts.actions:
        return []
    text = (
        f"{counts.known / counts.actions:.1%} of {counts.actions:,} clicks, likes and purchases have a recorded shelf"
    )
    if counts.outside:
        text += f"; {counts.outside:,} of them are outside its window and do not count"
    if counts.early:
        text += f"; {counts.early:,} are up to five minutes before it and count as at its time"
    return [_sentence(text)]


def _sources(counts: Sources | None) -> list[RenderableType]:
    if counts is None or not counts.shelves:
        return []
    parts = []
    if unknown := counts.by_session + counts.by_itself:
        parts.append(
            f"{unknown / counts.shelves:.1%} of the shelves have no user: the session represents it for "
            f"{counts.by_session:,} shelves, {counts.by_itself:,} count as a user each"
        )
    if counts.acted_seen:
        parts.append(f"{counts.acted_seen / counts.acted:.1%} of {counts.acted:,} shelves with an action have a `seen`")
    return [_sentence("; ".join(parts))] if parts else []


def _totals(report: Report) -> RenderableType:
    if not report.total:
        return "No shelf was visible on these days: there is nothing to measure yet."
    table = _table("figure", "value", "95 % interval", "shelves", "users", "sample", "outside")
    names = descriptions.ordered((*descriptions.headline(report.protocol), *report.total))
    for name in names:
        description, shown = descriptions.describe_figure(name), report.total.get(name)
        if shown is None or shown.value is None or formatting.lacking(shown):
            continue
        table.add_row(
            description.title,
            formatting.amount(description.form, shown.value),
            formatting.between(description.form, shown),
            f"{shown.shelves:,}",
            f"{shown.users:,.0f}",
            "" if shown.effective is None else f"{shown.effective:,.0f}",
            "" if shown.outside is None else f"{shown.outside:.1%}",
        )
    reasons = ((descriptions.describe_figure(name).title, formatting.lacking(report.total.get(name))) for name in names)
    return Group(*([table] if table.rows else []), *_notes(reasons))


def _days(report: Report) -> RenderableType:
    rows = [(str(day.day), day.figures) for day in report.days]
    names = _available(rows, _COLUMNS)
    table = _table("day", *(descriptions.describe_figure(name).title for name in names), "")
    for day in report.days:
        table.add_row(str(day.day), *_cells(day.figures, names), "" if day.mature else "may still change")
    return _section("Over time", table, *_notes(_reasons(rows, _COLUMNS)))


def _slices(by: str, slices: Sequence[SliceReport]) -> RenderableType:
    rows = [(formatting.named(item.name), item.figures) for item in slices]
    measured = {name for _, figures in rows for name in figures}
    wanted = [name for name in _COLUMNS if name in measured] or descriptions.ordered(measured)
    names = _available(rows, wanted)
    table = _table(formatting.plain(by), *(descriptions.describe_figure(name, by).title for name in names))
    for name, figures in rows:
        table.add_row(name, *_cells(figures, names, by))
    return _section(descriptions.kind(by)[0], table, *_notes(_reasons(rows, wanted)), *_differing(slices))


def _differing(slices: Sequence[SliceReport]) -> list[RenderableType]:
    """Which slices differ from all shelves; where slices were compared and none does, that none does."""
    if not any(item.differs for item in slices):
        return []
    found = {formatting.named(item.name): formatting.differing(item.differs) for item in slices}
    told = [f"{name} by {', '.join(figures)}" for name, figures in found.items() if figures]
    return [_hanging(f"{descriptions.HOLM}: {'; '.join(told) if told else 'none'}")]


def _examination(report: Report) -> RenderableType:
    positions = max(len(curve.places) for curve in report.looked)
    table = _table("surface and layout", *map(str, range(1, positions + 1)))
    for curve in report.looked:
        table.add_row(formatting.layout_name(curve), *(_cell("measure", shown) for shown in curve.places))
    ends = ((formatting.layout_name(curve), formatting.curve_end(curve)) for curve in report.looked)
    return _section("How often each position is examined, relative to position 1", table, *_notes(ends))


def _comparison(comparison: Comparison) -> RenderableType:
    one, other = formatting.plain(comparison.one), formatting.plain(comparison.other)
    both = (comparison.one_figures, comparison.other_figures) if comparison.one_figures else ()
    table = _table("figure", *((one, other) if both else ()), "difference", "95 % interval", "at every look", "")
    names = descriptions.ordered(comparison.figures)
    for name in names:
        description, shown = descriptions.describe_figure(name), comparison.figures[name]
        if shown.value is None or formatting.lacking(shown):
            continue
        table.add_row(
            description.title,
            *(_cell(description.form, figures.get(name)) for figures in both),
            formatting.difference(description.form, shown.value),
            formatting.between(description.form, shown, signed=True),
            formatting.anytime(description.form, shown),
            formatting.clear(shown),
        )
    reasons = (
        (descriptions.describe_figure(name).title, formatting.lacking(comparison.figures[name])) for name in names
    )
    scored = comparison.scored
    coverage = (
        [] if scored is None else [_sentence(text) for text in (descriptions.RERANKED, formatting.coverage(scored))]
    )
    looks = [_sentence(formatting.split(comparison.split))] if comparison.split else []
    looks += [_sentence(descriptions.ANYTIME)] if table.rows else []
    return _section(f"{other} minus {one}", *([table] if table.rows else []), *_notes(reasons), *looks, *coverage)


def _plan(plan: Plan) -> RenderableType:
    table = _table("figure", "days, one look", "days, at every look")
    for name in descriptions.ordered(plan.figures):
        needed = plan.figures[name]
        days = (formatting.planned_days(each) for each in (needed.one_look, needed.every_look))
        table.add_row(descriptions.describe_figure(name).title, *days)
    title = f"Days until a difference of {plan.effect:.1%} is found, with {plan.power:.0%} power"
    return _section(title, *([table] if table.rows else []), _sentence(formatting.plan_basis(plan)))


def _legend(report: Report) -> RenderableType:
    names = descriptions.ordered((*descriptions.headline(report.protocol), *report.total))
    meanings = (descriptions.describe_figure(name) for name in names)
    return Group(*(_hanging(f"{description.title}: {description.meaning}") for description in meanings))


def _cells(figures: Figures, names: Sequence[str], by: str = "") -> list[str]:
    return [_cell(descriptions.describe_figure(name, by).form, figures.get(name)) for name in names]


def _cell(form: formatting.Form, shown: Shown | None) -> str:
    if formatting.lacking(shown) or shown is None or shown.value is None:
        return "–"
    interval = formatting.between(form, shown)
    return formatting.amount(form, shown.value) + (f" ({interval})" if interval else "")


def _available(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """The figures that at least one row has."""
    return [name for name in names if any(not formatting.lacking(figures.get(name)) for _, figures in rows)]


def _reasons(rows: Sequence[Row], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each row and why it has dashes; then each figure that no row has, and what its first row lacks."""
    available = _available(rows, names)
    for row, figures in rows:
        yield row, "; ".join(dict.fromkeys(filter(None, (formatting.lacking(figures.get(name)) for name in available))))
    for name in names:
        if rows and name not in available:
            reason = f"in no row; for {rows[0][0]}, {formatting.lacking(rows[0][1].get(name))}"
            yield descriptions.describe_figure(name).title, reason


def _notes(reasons: Iterable[tuple[str, str]]) -> list[RenderableType]:
    """Each reason once, with the names that it applies to; names without a reason are left out."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        if reason:
            names.setdefault(reason, []).append(name)
    return [_hanging(f"– {', '.join(subjects)}: {reason}") for reason, subjects in names.items()]


def _section(title: str, *parts: RenderableType) -> RenderableType:
    return Group(Text(title, style="bold"), *parts)


def _sentence(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _hanging(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ")


def _table(*headings: str) -> Table:
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[0].style = "cyan"
    return table
