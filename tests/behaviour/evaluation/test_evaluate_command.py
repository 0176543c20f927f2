"""`lookalike evaluate`: figures of recorded files as lines, as a document and as a page, and its exit codes."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from judged import CLICKED, DAYS, FIRST, GOOD, LIVE, LOST, POOR, SHELVES, UNKNOWN, WIDTH
from program import command, document, failed, run
from reported import look
from schemas.evaluation_report import Attributed, Report, Sources
from streams.settings import Settings
from workers.decision.decision_round import RESULT
from workers.decision.evidence_store import Store
from workers.decision.retrain_policy import folder
from workers.evaluation.attribution_rate import attribution, sources
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.measures import discounts
from workers.evaluation.reader import Days
from workers.interactions.layout import interactions_folder
from workers.interactions.reach import latest_event_time
from workers.local.environment import child_environment
from workers.reports.build import Clock, build

KNOWN = SHELVES - UNKNOWN
CLOSE = 1e-8
"""Sums are rounded to 2^-30."""


def _report(settings: Settings, *arguments: str) -> Report:
    told = document(run(settings, "evaluate", *arguments, "--json"))
    report = Report.model_validate(told)
    assert report.model_dump(mode="json") == told
    return report


def _value(report_figures: Any, name: str) -> float:
    value = report_figures[name].value
    assert value is not None, report_figures[name].missing
    return float(value)


def test_the_document_is_a_recomputation(market: Settings) -> None:
    """Of the days that the records reach, whatever today is; a second run gives the same, but for its time."""
    report = _report(market)
    assert (report.since, report.until) == (FIRST.date(), date.fromordinal(FIRST.toordinal() + DAYS))
    again = _report(market)
    assert again.at > report.at
    assert again.model_copy(update={"at": report.at}) == report
    place = interactions_folder(market)
    reach = latest_event_time(place)
    assert reach is not None
    by_day = list(folder_stats(Days.of(place, report.since, report.until)))
    found = attribution(place, report.since, report.until)
    told = {
        "attributed": Attributed(**vars(found)),
        "sources": Sources(**vars(sources(place, report.since, report.until))),
    }
    assert build(by_day, Clock(report.at, reach)).model_copy(update=told) == report
    assert report.protocol == "shelf"
    assert report.open_days == DAYS  # the records go no further: nobody knows yet what is bought, and sent back
    assert _value(report.total, "nDCG@5") == pytest.approx(discounts(5)[CLICKED - 1], abs=CLOSE)


def test_a_page_for_people(market: Settings) -> None:
    """The lines have the period, the figures and what they mean."""
    ended = run(market, "evaluate", "--until", "2024-03-11")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert "2024-03-09 to 2024-03-10" in ended.stdout
    for said in ("nDCG@5", "No relevant item", "By category", "By model", "The mean of the shelves"):
        assert said in ended.stdout


def test_what_is_asked_for_is_told(market: Settings) -> None:
    """Measures come beside those that are always there; slices by name, niches with all below them; one model alone."""
    asked = ("--measures", "MRR@3, DCG(exp)@5", "--by", "app_version", "--niche", "bags", "--model", LIVE)
    report = _report(market, *asked)
    assert {"nDCG@5", "P@1", "P@3", "DCG@5", "MRR@3", "DCG(exp)@5"} <= set(report.total)
    assert "CTR" not in report.total
    assert report.model == LIVE
    niche = next(each for each in report.slices if each.by == "niche")
    assert niche.name == "bags"
    assert {each.by for each in report.slices} >= {"niche", "app_version", "surface"}
    assert not {each.by for each in report.slices} & {"variant", "category"}
    ended = run(market, "evaluate", "--niche", "hats/straw")
    assert "no shelf is in the category hats/straw" in ended.stderr


def test_the_better_model_wins(market: Settings) -> None:
    """Both order the same shelves by their vectors, items that one lacks last in both; the difference is as made."""
    comparison = _report(market, "--compare", POOR, GOOD).comparison
    assert comparison is not None
    assert (comparison.one, comparison.other) == (POOR, GOOD)
    counts = comparison.scored
    assert counts is not None
    assert (counts.shelves, counts.shelves_scored) == (SHELVES, KNOWN)
    assert (counts.items, counts.items_scored) == (KNOWN * WIDTH, KNOWN * WIDTH - LOST)
    last, before = discounts(5)[WIDTH - 1], discounts(5)[WIDTH - 2]
    poor = (last * (KNOWN - LOST) + before * LOST) / KNOWN
    assert _value(comparison.other_figures, "nDCG@5") == pytest.approx(1, abs=CLOSE)
    assert _value(comparison.one_figures, "nDCG@5") == pytest.approx(poor, abs=CLOSE)
    assert _value(comparison.figures, "nDCG@5") == pytest.approx(1 - poor, abs=CLOSE)
    assert comparison.figures["nDCG@5"].low is not None
    assert comparison.figures["nDCG@5"].low > 0
    assert _value(comparison.figures, "P@1") == 1
    assert "CTR" not in comparison.figures
    told = run(market, "evaluate", "--compare", POOR, GOOD).stdout
    assert f"{GOOD} minus {POOR}" in told
    assert "140 of 150 shelves (93.3 %)" in told
    assert "98.9 % of the items" in told


def test_the_full_index_stands_by_itself(market: Settings, tmp_path: Path) -> None:
    """Labelled in each form, with judged@5, of a sample that is the same each time; no figure of shelves beside it."""
    asked = ("--protocol", "index", "--compare", POOR, GOOD, "--sample", "120")
    report = _report(market, *asked)
    assert (report.protocol, report.searched, report.model) == ("index", POOR, None)
    assert set(report.total) == {"nDCG@5", "P@1", "P@3", "MRR@10", "Recall@50", "judged@5"}
    assert (report.days, report.slices, report.looked) == ((), (), ())
    counts, comparison = report.scored, report.comparison
    assert counts is not None
    assert (counts.shelves, counts.drawn) == (SHELVES, 120)
    assert 110 <= counts.shelves_scored < 120
    assert comparison is not None
    assert _value(comparison.one_figures, "P@1") == 0
    assert _value(comparison.other_figures, "P@1") == 1
    assert _value(comparison.other_figures, "judged@5") == pytest.approx(0.2, abs=CLOSE)
    assert _report(market, *asked).model_copy(update={"at": report.at}) == report
    told = run(market, "evaluate", *asked).stdout
    assert told.startswith(f"FULL INDEX: A DIAGNOSTIC, of what {POOR} lists")
    assert "judged@5" in told
    assert "DCG@5 corrected" not in told
    page = tmp_path / "index.html"
    assert run(market, "evaluate", *asked, "--html", str(page)).returncode == 0
    text = page.read_text()
    assert "Full index: a diagnostic" in text
    assert "judged@5" in text
    assert 'id="decision"' not in text


def test_one_model_of_the_full_index(market: Settings) -> None:
    """Without a comparison the live model's collection is searched, the first that was made."""
    report = _report(market, "--protocol", "index", "--measures", "Recall@1")
    assert (report.searched, report.comparison) == (GOOD, None)
    assert _value(report.total, "Recall@1") == 1


def test_the_page_is_written_whole(market: Settings, tmp_path: Path) -> None:
    """Its path is printed, it needs nothing else, it has what the decision found last; nothing is left beside it."""
    with Store(folder(market)) as store:
        found = look(datetime(2024, 4, 1, tzinfo=UTC))
        store.write_step({RESULT: found.model_dump_json()}, None, found.at)
    page = tmp_path / "report.html"
    page.write_text("what was there before")
    ended = run(market, "evaluate", "--html", str(page))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{page}\n", "")
    text = page.read_text()
    assert text.rstrip().endswith("</html>")
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|<img", text)
    assert found.outcome.message in unescape(text)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    both = run(market, "evaluate", "--html", str(page), "--json")
    assert Report.model_validate(document(both)).total
    assert "what was there" not in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--measures", "nDCG", "--sample", "5"), 2, "needs a cutoff, as in nDCG@5"),
        (("--sample", "5"), 2, "--sample goes with --protocol index"),
        (("--compare", GOOD, GOOD), 2, "two models are needed"),
        (("--compare", GOOD, "none@000000000000"), 2, f"there are those of {GOOD}, {POOR}"),
        (("--model", "other@1"), 2, f"{LIVE} was"),
        (("--html", "/nowhere/at/all.html"), 2, "can't be written"),
        (("--since", "2025-01-01"), 1, "reach from 2024-03-09"),
    ],
)
def test_a_slip_is_one_line(market: Settings, arguments: tuple[str, ...], code: int, said: str) -> None:
    """It says what goes instead; see also the unit tests of what is asked for."""
    assert said in failed(run(market, "evaluate", *arguments), code)


def test_nothing_recorded(market: Settings, tmp_path: Path) -> None:
    """Exit 1, and what records."""
    empty = market.model_copy(update={"data": tmp_path})
    assert "`lookalike worker record`" in failed(run(empty, "evaluate"), 1)
    assert list(tmp_path.iterdir()) == []


def test_milvus_away(market: Settings) -> None:
    """Exit 3 where vectors are needed; where none are, it is not asked."""
    away = market.model_copy(update={"milvus": "http://127.0.0.1:9"})
    assert "Milvus at http://127.0.0.1:9" in failed(run(away, "evaluate", "--compare", POOR, GOOD), 3)
    assert run(away, "evaluate").returncode == 0


def test_it_is_light(market: Settings) -> None:
    """Figures of shelves need no torch, no pymilvus and no Faust."""
    code = (
        "import sys; from workers.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print({'torch', 'transformers', 'pymilvus', 'faust'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "evaluate", "--json"],
        env=child_environment(market),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "set()"


def test_ctrl_c_is_clean(market: Settings) -> None:
    """On a terminal the days are counted; Ctrl-C takes the line away again, and says nothing else."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        command("evaluate"),
        env=child_environment(market),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    said = b""
    while b"days" not in said:
        said += os.read(master, 1_000)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    with contextlib.suppress(OSError):  # of a terminal that nobody holds any more, once all of it is read
        while more := os.read(master, 1_000):
            said += more
    os.close(master)
    assert process.returncode in (0, 130)  # it may have been done by then
    assert said.endswith(b"\r\x1b[1A\x1b[2K")  # the line of the bar is erased
    assert (out == b"") == (process.returncode == 130)
