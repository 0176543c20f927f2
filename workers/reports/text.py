"""A report as plain text, for a terminal."""

import textwrap
from collections.abc import Sequence
from datetime import timedelta

from schemas.evaluation_report import Attributed, Comparison, Figures, Report, Scored, Shown, SliceReport
from workers.reports import descriptions, formatting

_WIDTH = 100
_SHORT = ("nDCG@5", "P@1", "P@3", "no relevant item", "DCG@5", "DCG@5 IPS")
"""What a row of a day or a slice has room for; the whole is in the page and in the document."""


def text_report(report: Report) -> str:
    """All of a report, as sections one below the other; what its figures mean stands at the end."""
    parts = [_head(report), _totals(report)]
    if report.days:
        parts.append(_days(report))
    kinds = descriptions.kinds(each.by for each in report.slices)
    slices = sorted(report.slices, key=lambda each: descriptions.sort_key(each.by, each.name))
    parts += [_slices(by, [each for each in slices if each.by == by]) for by in kinds]
    if report.looked:
        parts.append(_looked(report))
    if report.comparison is not None:
        parts.append(_comparison(report.comparison))
    parts.append(_legend(report))
    return "\n\n".join(filter(None, parts))


def _head(report: Report) -> str:
    last = report.until - timedelta(days=1)
    days = f"{report.since} to {last}" if last >= report.since else "no day yet"
    whose = f"model {formatting.plain(report.model)}" if report.model else "all models"
    still = f", {report.open_days} of the days may still change" if report.open_days else ""
    share = "" if report.listings_share is None else f", {report.listings_share:.1%} of those that might have been"
    head = f"{whose}, {days}{still}; made {report.at:%Y-%m-%d %H:%M} {report.at:%Z}".rstrip()
    if report.protocol == "index":
        return _section(
            f"{descriptions.INDEX.upper()}, of what {formatting.plain(report.searched or '')} lists",
            textwrap.fill(descriptions.INDEX_SAYS, _WIDTH),
            f"shelves of {head}",
            *_scored(report.scored),
        )
    return f"{head}\n{report.listings:,} distinct listings shown{share}{_attributed(report.attributed)}"


def _attributed(counts: Attributed | None) -> str:
    if counts is None or not counts.actions:
        return ""
    line = f"\n{counts.known / counts.actions:.1%} of {counts.actions:,} clicks, likes and purchases find their shelf"
    if counts.outside:
        line += f"; {counts.outside:,} of them outside its window, so they count for nothing"
    if counts.early:
        line += f"; {counts.early:,} up to five minutes before it, counted as at its time"
    return line


def _scored(counts: Scored | None) -> list[str]:
    return [] if counts is None else [textwrap.fill(formatting.scored(counts), _WIDTH)]


def _totals(report: Report) -> str:
    total = report.total
    if not total:
        return "No shelf was visible on these days: there is nothing to measure yet."
    rows: list[tuple[str, ...]] = []
    for name in descriptions.ordered((*descriptions.headline(report.protocol), *total)):
        mean, shown = descriptions.describe_figure(name), total.get(name)
        missing = formatting.lacking(shown)
        if missing or shown is None or shown.value is None:
            rows.append((mean.title, missing))
            continue
        counts = f"{shown.shelves:,}", f"{shown.users:,.0f}", *_weights(shown)
        rows.append(
            (mean.title, formatting.amount(mean.form, shown.value), formatting.between(mean.form, shown), *counts)
        )
    return _table(("figure", "value", "95 % interval", "shelves", "users", "sample", "outside"), rows)


def _weights(shown: Shown) -> tuple[str, str]:
    sample = "" if shown.effective is None else f"{shown.effective:,.0f}"
    return sample, "" if shown.outside is None else f"{shown.outside:.1%}"


def _days(report: Report) -> str:
    rows = [(str(day.day), day.figures) for day in report.days]
    names = _told(rows, _SHORT)
    cells = [
        (str(day.day), *_cells(day.figures, names), "" if day.mature else "may still change") for day in report.days
    ]
    heads = ("day", *(descriptions.describe_figure(name).title for name in names), "")
    return _section("Over time", _table(heads, cells), _notes(rows, _SHORT))


def _slices(by: str, slices: Sequence[SliceReport]) -> str:
    rows = [(formatting.named(each.name), each.figures) for each in slices]
    there = {name for _, figures in rows for name in figures}
    wanted = [name for name in _SHORT if name in there] or descriptions.ordered(there)
    names = _told(rows, wanted)
    cells = [(row, *_cells(figures, names, by)) for row, figures in rows]
    title = descriptions.KINDS[by][0] if by in descriptions.KINDS else f"By {formatting.plain(by)}"
    heads = (formatting.plain(by), *(descriptions.describe_figure(name, by).title for name in names))
    return _section(title, _table(heads, cells), _notes(rows, wanted))


def _looked(report: Report) -> str:
    width = max(len(each.places) for each in report.looked)
    rows = [
        (formatting.named(f"{each.surface} {each.layout}"), *(_cell("measure", place) for place in each.places))
        for each in report.looked
    ]
    notes = [
        f"– {formatting.named(f'{each.surface} {each.layout}')} {formatting.ends(each)}"
        for each in report.looked
        if formatting.ends(each)
    ]
    told = "How much each place is looked at, the first one being 1"
    return _section(told, _table(("surface and layout", *map(str, range(1, width + 1))), rows), *notes)


def _comparison(comparison: Comparison) -> str:
    rows: list[tuple[str, ...]] = []
    one, other = formatting.plain(comparison.one), formatting.plain(comparison.other)
    each = (comparison.one_figures, comparison.other_figures) if comparison.one_figures else ()
    for name in descriptions.ordered(comparison.figures):
        mean, shown = descriptions.describe_figure(name), comparison.figures[name]
        if (missing := formatting.lacking(shown)) or shown.value is None:
            rows.append((mean.title, missing))
            continue
        both = [_cell(mean.form, figures.get(name)) for figures in each]
        interval = formatting.between(mean.form, shown, signed=True)
        rows.append(
            (mean.title, *both, formatting.difference(mean.form, shown.value), interval, formatting.clear(shown))
        )
    heads = ("figure", *((one, other) if each else ()), "difference", "95 % interval", "")
    says = (
        [] if comparison.scored is None else [textwrap.fill(descriptions.ORDERED, _WIDTH), *_scored(comparison.scored)]
    )
    return _section(f"{other} less {one}", _table(heads, rows), *says)


def _legend(report: Report) -> str:
    return "\n".join(
        textwrap.fill(f"{mean.title}: {mean.says}", _WIDTH, subsequent_indent="  ")
        for mean in map(
            descriptions.describe_figure,
            descriptions.ordered((*descriptions.headline(report.protocol), *report.total)),
        )
    )


def _cells(figures: Figures, names: Sequence[str], by: str = "") -> list[str]:
    return [_cell(descriptions.describe_figure(name, by).form, figures.get(name)) for name in names]


def _cell(form: formatting.Form, shown: Shown | None) -> str:
    if formatting.lacking(shown) or shown is None or shown.value is None:
        return "–"
    interval = formatting.between(form, shown)
    return formatting.amount(form, shown.value) + (f" ({interval})" if interval else "")


def _told(rows: Sequence[tuple[str, Figures]], names: Sequence[str]) -> list[str]:
    """Those figures that at least one row has."""
    return [name for name in names if any(not formatting.lacking(figures.get(name)) for _, figures in rows)]


def _notes(rows: Sequence[tuple[str, Figures]], names: Sequence[str]) -> str:
    """Why there are dashes: each reason once, with the rows that it is of; of a figure that no row has, the first."""
    said: dict[str, list[str]] = {}
    told = _told(rows, names)
    for row, figures in rows:
        if reasons := dict.fromkeys(filter(None, (formatting.lacking(figures.get(name)) for name in told))):
            said.setdefault("; ".join(reasons), []).append(row)
    for name in names:
        if rows and name not in told:
            reason = f"in no row; in that of {rows[0][0]}, {formatting.lacking(rows[0][1].get(name))}"
            said.setdefault(reason, []).append(descriptions.describe_figure(name).title)
    return "\n".join(
        textwrap.fill(f"– {', '.join(those)}: {reason}", _WIDTH, subsequent_indent="  ")
        for reason, those in said.items()
    )


def _section(*parts: str) -> str:
    return "\n".join(filter(None, parts))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns; a row that is shorter than the headings ends in words of any length."""
    cells = [tuple(headings), *map(tuple, rows)]
    whole = [row for row in cells if len(row) == len(headings)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(headings))]
    widths[0] = max(len(row[0]) for row in cells)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells
    )
