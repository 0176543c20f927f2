"""The page and the terminal say all that a report has, in words, and nothing that the data brought along."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reported import look, report
from schemas.evaluation_report import (
    Comparison,
    DayReport,
    Figures,
    Looked,
    Plan,
    PlannedFigure,
    Report,
    Shown,
    SliceReport,
)
from workers.decision.decision_round import RoundResult
from workers.decision.measured_falls import MeasuredFall
from workers.decision.verdict import RoundFailure, Verdict, VerdictAge
from workers.reports import descriptions, formatting
from workers.reports.html import html_page
from workers.reports.text import terminal_report, text_report
from workers.simulate.parquet import write_parquet

SINCE, DAYS = date(2026, 9, 1), 4
EVIL = '</text><script>alert("$x$")</script><b onload=x>\x1b[2J -->'
_VOID = {"meta", "br", "img", "input", "hr", "link"}


class _Seen(HTMLParser):
    """What a browser would make of a page: its elements, its words, and whether all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "title"):
            self.words.append(data)


def verdict(found: RoundResult, failure: str = "", behind: int = 4) -> Verdict:
    """A result as the page shows it."""
    age = VerdictAge(found.at.date() - timedelta(days=behind), found.at.date())
    return Verdict(found, age, RoundFailure(at=found.at, error=failure) if failure else None)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a simulated market of four days, the last of them open."""
    folder = tmp_path_factory.mktemp("interactions")
    write_parquet(folder, "calm", days=DAYS, shelves_per_day=300, listings=800)
    return report(folder, SINCE, DAYS, niches=("food/fruit",), open_days=1)


@pytest.fixture(scope="module")
def shown(measured: Report) -> str:
    """Its page."""
    return html_page(measured, verdict(look(measured.at)))


def _made(total: Figures, **more: object) -> Report:
    return Report.model_validate(
        {
            "at": datetime(2026, 9, 9, tzinfo=UTC),
            "since": SINCE,
            "until": SINCE + timedelta(days=8),
            "total": total,
            **more,
        }
    )


def _each(report: Report) -> Iterator[tuple[str, str, Shown]]:
    """Every figure of a report but those of the comparison, with what it is sliced by and its name."""
    yield from (("", name, shown) for name, shown in report.total.items())
    for day in report.days:
        yield from (("", name, shown) for name, shown in day.figures.items())
    for each in report.slices:
        yield from ((each.by, name, shown) for name, shown in each.figures.items())


def test_every_figure_stands_on_the_page(measured: Report, shown: str) -> None:
    """With its interval, its shelves and its users; and where there is none, why."""
    text = unescape(shown)
    assert len({by for by, _, _ in _each(measured)}) >= 7
    for by, name, each in _each(measured):
        mean = descriptions.describe_figure(name, by)
        if each.value is None:
            assert each.missing in text
            continue
        assert formatting.amount(mean.form, each.value) in text
        assert formatting.between(mean.form, each) in text
        assert formatting.evidence(mean.unit, each) in text
    for curve in measured.looked:
        for place in curve.places:
            assert (place.missing or formatting.amount("count", place.value or 0)) in text
    assert measured.comparison is not None
    for name, each in measured.comparison.figures.items():
        assert (each.missing or formatting.difference(descriptions.describe_figure(name).form, each.value or 0)) in text
    for said in (f"{measured.listings:,} distinct listings", formatting.amount("share", measured.listings_share or 0)):
        assert said in text


def test_every_slice_is_named(measured: Report, shown: str) -> None:
    """Categories and niches by name, as well as surfaces, layouts, variants, models and ages."""
    text = unescape(shown)
    assert {"category", "niche", "surface", "layout", "variant", "model", "age", "position"} == {
        each.by for each in measured.slices
    }
    for each in measured.slices:
        assert f'<th scope="row">{formatting.named(each.name)}' in text


def test_every_headline_is_explained(shown: str) -> None:
    """The six figures that are always shown have their sentence beside them."""
    text = unescape(shown)
    for name in descriptions.HEADLINE:
        assert f'<dd class="says">{descriptions.describe_figure(name).meaning}</dd>' in text


def test_open_days_are_told_apart(measured: Report, shown: str) -> None:
    """They are marked in the table, drawn in another way, and it is said what that means."""
    assert shown.count('<small class="open">may still change</small>') == 1
    assert "stroke-dasharray" in shown
    assert "The figures of 1 day may still change" in shown
    closed = html_page(
        measured.model_copy(
            update={
                "open_days": 0,
                "days": tuple(day.model_copy(update={"mature": True}) for day in measured.days),
            }
        )
    )
    assert "may still change" not in closed


def test_what_is_missing_is_said(measured: Report) -> None:
    """Instead of a figure stand the words, in every part of the page and in the terminal."""
    why = "not enough evidence: 37 of 100 shelves, 63 missing"
    none = Shown(missing=why)
    bare = _made(
        dict.fromkeys(descriptions.HEADLINE, none),
        days=[DayReport(day=SINCE, mature=True, figures={"DCG@5": none})],
        slices=[SliceReport(by="category", name=name, figures={"DCG@5": none}) for name in ("a", "b")],
        looked=[Looked(surface="app", layout="row", places=(none, none))],
        comparison=Comparison(one="a", other="b", figures={"DCG@5": none}),
    )
    text = html_page(bare)
    assert text.count(
        f'<dd class="lacks"><strong>not enough evidence</strong>{why.removeprefix("not enough evidence")}</dd>'
    ) == len(descriptions.HEADLINE)
    assert text.count(f'class="lacks">{why}</td>') == 1 + 2 + 1
    assert text.count(f'colspan="3">{why}') == len(descriptions.HEADLINE)
    assert text.count(f'colspan="5">{why}') == 1
    assert f'app row<span class="lacks">from position 1 on: {why}</span>' in text
    assert 'class="value"' not in text.split('id="diagnostics"')[0]
    assert '<svg viewBox="0 0 380' not in text  # nothing is drawn where nothing is known
    # The terminal gives each reason once in each section, with the names of the figures or rows that it is of.
    lines = " ".join(text_report(bare).split())
    titles = ", ".join(descriptions.describe_figure(name).title for name in descriptions.HEADLINE)
    assert f"– {titles}: {why}" in lines
    assert lines.count("37 of 100 shelves, 63 missing") == 1 + 1 + 1 + 1 + 1


def test_some_of_it_is_missing() -> None:
    """In a plot the row or the day that lacks evidence is there, and says so."""
    some, none = (
        Shown(value=0.5, low=0.4, high=0.6, shelves=200, users=50.0),
        Shown(missing="not enough evidence: 3 of 9"),
    )
    text = html_page(
        _made(
            {"DCG@5": some},
            days=[
                DayReport(day=SINCE + timedelta(days=n), mature=True, figures={"DCG@5": each})
                for n, each in enumerate((some, none, some))
            ],
            slices=[
                SliceReport(by="surface", name=name, figures={"DCG@5": each})
                for name, each in (("app", some), ("tv", none))
            ],
        )
    )
    assert ">not enough evidence</text>" in text
    assert "<title>tv: not enough evidence: 3 of 9</title>" in text
    assert "a day without enough evidence" in text
    assert "<title>2026-09-02: not enough evidence: 3 of 9</title>" in text


def test_words_of_the_data_stay_words(measured: Report) -> None:
    """Whatever a category, a layout, a model or the decision says is no part of the page, and moves no terminal."""
    figure = Shown(value=0.5, low=0.4, high=0.6, shelves=200, users=50.0)
    figures = {"nDCG@5": figure, "DCG@5": figure, "no relevant item": figure, EVIL: figure}
    evil = _made(
        figures,
        model=EVIL,
        slices=[
            SliceReport(by=by, name=EVIL + extra, figures=figures)
            for by in ("category", "surface", EVIL)
            for extra in ("", "2")
        ],
        looked=[Looked(surface=EVIL, layout=EVIL, places=(figure, figure))],
        comparison=Comparison(one=EVIL, other=EVIL, figures=figures),
    )
    found = look(measured.at)
    outcome = found.outcome.model_copy(update={"message": EVIL, "missing": (EVIL,), "blocks": (EVIL,)})
    text = html_page(
        evil, verdict(found.model_copy(update={"outcome": outcome, "model": EVIL, "diagnostics": {EVIL: EVIL}}), EVIL)
    )
    seen = _Seen(text)
    assert not seen.open
    assert "script" not in {tag for tag, _ in seen.elements}
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    shortened = formatting.plain(EVIL)
    assert any(shortened in said for said in seen.words)
    assert "\x1b" not in text
    assert "\x1b" not in text_report(evil)


def test_the_page_needs_nothing_else(shown: str) -> None:
    """No address, no script, no file; every id is there once, and every reference leads to one."""
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|<img|xlink", shown)
    seen = _Seen(shown)
    assert not seen.open
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {name for _, attributes in seen.elements for name in [attributes.get("href")] if name}
    wanted |= {f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", shown)}
    assert wanted
    assert wanted <= {f"#{name}" for name in ids}


def test_plots_follow_the_page(shown: str) -> None:
    """Their colours are the page's, so that dark is dark; their text is text; each says in words what it shows."""
    plots = re.findall(r"<svg viewBox=[^>]*class=\"plot\">.*?</svg>", shown, re.DOTALL)
    assert len(plots) > 15
    for each in plots:
        assert not re.search(r"#[0-9a-f]{6}", re.sub(r'(id|href)="[^"]*"|url\(#[^)]*\)', "", each))
        assert "<text" in each
        assert re.search(r'aria-label="[^"]{10,}"', each)


def test_nothing_measured_is_said_usefully() -> None:
    """An empty report says that there is nothing yet, and what to check."""
    empty = Report(at=datetime(2026, 9, 1, tzinfo=UTC), since=SINCE, until=SINCE, total={})
    text = html_page(empty)
    assert not _Seen(text).open
    assert "Nothing was measured yet" in text
    assert "the recorder runs" in text
    assert "No decision round has run yet" in text
    assert "nothing to measure yet" in text_report(empty)


def test_the_decision_is_told(measured: Report, shown: str) -> None:
    """Its outcome, each source's reading, each cause with verdict and words, and when it is looked at next."""
    found = look(measured.at)
    text = unescape(shown)
    assert found.outcome.message in text
    for cause in found.outcome.findings:
        assert f"{cause.verdict}</span>" in text
        assert cause.message in text
    for said in ("412.7 of 365", "an alarm", "6.1%", "3 more matured days for the reference", found.next_look):
        assert said in text


FALL = MeasuredFall(
    measure="DCG@5",
    before=0.55,
    after=0.25,
    fall=0.545,
    low=0.5,
    high=0.59,
    first_days=(date(2026, 9, 1), date(2026, 9, 14)),
    last_days=(date(2026, 10, 9), date(2026, 10, 15)),
)


@pytest.mark.parametrize("low", [0.5, -0.2])
def test_every_verdict_has_its_age_and_the_falls_beside_it(measured: Report, low: float) -> None:
    """A fall whose whole interval is one is not shown under "nothing to do"."""
    found = look(measured.at)
    quiet = found.outcome.model_copy(update={"kind": "quiet", "message": "nothing is asked for"})
    fall = FALL.model_copy(update={"low": low})
    text = html_page(measured, verdict(found.model_copy(update={"outcome": quiet, "falls": (fall,)})))
    assert "4 days behind the records" in text
    assert "DCG@5 is 54.5% lower" in text
    assert ("nothing to do" in text) == (low < 0)
    assert ("Quiet, but a measure fell" in text) == (low > 0)


@pytest.mark.parametrize(("behind", "failure"), [(35, ""), (4, "ValueError: no such thing")])
def test_a_decision_that_has_stopped_is_not_shown_as_quiet(measured: Report, behind: int, failure: str) -> None:
    """Whether it fails or is only late."""
    found = look(measured.at)
    quiet = found.outcome.model_copy(update={"kind": "quiet", "message": "nothing is asked for"})
    text = html_page(measured, verdict(found.model_copy(update={"outcome": quiet}), failure, behind))
    assert "No verdict lately" in text
    assert "nothing to do" not in text
    assert (failure or "30 days are overdue") in text


def test_the_terminal_has_it_all(measured: Report) -> None:
    """Every headline, every day, every slice and position, the comparison, and what the figures mean."""
    text = text_report(measured)
    for name in descriptions.HEADLINE:
        assert descriptions.describe_figure(name).title in text
    for each in measured.slices:
        assert formatting.named(each.name) in text
    assert text.count("2026-09-0") >= DAYS
    assert "may still change" in text
    assert "second half minus first half" in text
    places = [line.split()[0] for line in text.split("By position")[1].splitlines()[2:12]]
    assert places == [str(place) for place in range(1, 11)]


@pytest.mark.parametrize("width", [60, 400])
def test_a_terminal_has_the_same_words(measured: Report, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only styles are added: a wide terminal has the same lines, a narrow one folds them."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    styled = terminal_report(measured, width)
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", styled).splitlines()]
    assert "\x1b[1m" in styled
    if width > 200:
        assert plain == text_report(measured).splitlines()
    assert max(map(len, plain)) <= width


def test_stored_results_keep_their_names(measured: Report) -> None:
    """`says` and `level` are in stored results and in `triggers --json`, whatever the fields are called in Python."""
    document = look(measured.at).model_dump(mode="json")
    assert document["outcome"]["says"]
    assert all(finding["says"] for finding in document["outcome"]["findings"])
    assert document["readings"][0]["level"] == pytest.approx(412.7)
    assert RoundResult.model_validate(document) == look(measured.at)


def test_every_figure_that_is_measured_has_words(measured: Report) -> None:
    """None of what the evaluation tells is left without a sentence."""
    for by, name, _ in _each(measured):
        assert "cannot describe" not in descriptions.describe_figure(name, by).meaning


def test_folders_need_not_exist_for_words(tmp_path: Path) -> None:
    """A folder without a record gives a report that the page can tell."""
    assert "Nothing was measured yet" in html_page(report(tmp_path, SINCE, 2))


def test_the_plan_says_how_many_days() -> None:
    """On the page and in the terminal: both numbers of days, or that a year is not enough."""
    figures = {
        "nDCG@5": PlannedFigure(one_look=9, every_look=17, slope=-0.9),
        "CTR": PlannedFigure(one_look=344, every_look=None, slope=-0.2),
    }
    planned = _made({}, plan=Plan(effect=0.02, power=0.8, days=14, figures=figures))
    words, text = " ".join(_Seen(html_page(planned)).words), text_report(planned)
    for told in (" ".join(words.split()), " ".join(text.split())):
        assert "2.0%" in told
        assert "nDCG@5 9 17" in told
        assert "Click rate 344 more than a year" in told
        assert "14 recorded days" in told


def test_a_slice_that_differs_is_named() -> None:
    """With its corrected p-value; where slices were compared and none differs, that is said too."""
    value = Shown(value=0.5, low=0.4, high=0.6, shelves=900, users=400)
    slices = [
        SliceReport(by="category", name="toys", figures={"DCG@5": value}, differs={"DCG@5": 0.004, "nDCG@5": 0.4}),
        SliceReport(by="category", name="food", figures={"DCG@5": value}, differs={"DCG@5": 0.7}),
    ]
    found = _made({"DCG@5": value}, slices=slices)
    assert "toys: DCG@5 (p 0.004)" in html_page(found)
    assert "toys by DCG@5 (p 0.004)" in " ".join(text_report(found).split())
    none = _made({"DCG@5": value}, slices=slices[1:])
    assert "none that chance would not explain" in html_page(none)
    assert "at every look): none" in " ".join(text_report(none).split())
