"""`lookalike evaluate`: how well similar items are ranked, from what was recorded."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.evaluation_report import Protocol, Report
from streams.errors import LookalikeError, UsageError
from streams.redaction import redacted
from streams.settings import Settings
from workers.cli.options import command_options
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy, polars and pymilvus are loaded when the command runs
    from workers.decision.verdict import Verdict
    from workers.evaluation.config import EvaluationConfig
    from workers.interactions.reach import Reach
    from workers.reports.arguments import ReportProgress

_MOST_PERCENT = 100
SAMPLE = 2_000
"""Shelves that `--protocol index` evaluates unless asked for more: a query each."""


@dataclass(frozen=True)
class FigureOptions:
    """What is evaluated, by which measures, and where the report goes."""

    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The first day, such as 2026-09-01; by default the 28th last recorded."),
    ] = None
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day after the last one (exclusive); by default everything recorded."),
    ] = None
    model: Annotated[str | None, typer.Option(help="Evaluate only shelves on which this model was live.")] = None
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two model ids: both rank the same shelves by their vectors; figures: B - A."),
    ] = None
    niches: Annotated[
        tuple[str, ...],
        typer.Option("--niche", metavar="PATH", help="A category that gets figures of its own; may be repeated."),
    ] = ()
    by: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Slice by these: category, niche, variant, model, anchor, policy, app_version."
        ),
    ] = None
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="M,N", help="Measures besides nDCG@5, P@1, P@3 and DCG@5, such as Recall@10, DCG(exp)@5, CTR."
        ),
    ] = None
    protocol: Annotated[
        Protocol,
        typer.Option(help="shelf: rankings of what was shown; index: of all listings in the index, a diagnostic."),
    ] = "shelf"
    sample: Annotated[
        int | None,
        typer.Option(min=1, help=f"With --protocol index: evaluate so many shelves; by default {SAMPLE}."),
    ] = None
    plan: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Days that an A/B test needs to find so large a relative difference."),
    ] = None
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report to this file, as one page that needs no other."),
    ] = None

    def check(self) -> None:
        """Before the work, not after it. Raises UsageError for options that don't go together."""
        if self.compare and self.compare[0] == self.compare[1]:
            raise UsageError(f"--compare {self.compare[0]} with itself: two models are needed")
        if self.sample is not None and self.protocol == "shelf":
            raise UsageError("--sample goes with --protocol index; of the shelves shown all are evaluated")
        if self.plan is not None and self.protocol == "index":
            raise UsageError("--plan goes with --protocol shelf: nobody was shown a full index")
        if self.plan is not None and not 0 < self.plan <= _MOST_PERCENT:
            raise UsageError(f"--plan {self.plan:g}: a percentage is needed, above 0 and at most {_MOST_PERCENT}")
        if self.html is not None and (self.html.is_dir() or not os.access(self.html.parent, os.W_OK)):
            raise UsageError(f"--html {self.html} can't be written: name a file in an existing folder of yours")


@command_options
def evaluate(context: typer.Context, options: FigureOptions, as_json: JsonOption = False) -> None:
    """How well similar items are ranked: figures with their intervals, from what was recorded.

    --compare needs Milvus: each model orders what was shown to people by its own
    vectors as they are now (shelf re-ranking, the paper's protocol), on the
    shelves whose query both have. It does not compare the users of two models:
    that is the slice by variant.

    --protocol index searches the whole collection of the live model, or of those
    of --model or --compare. It favours the model that chose what was shown: a
    diagnostic, whose figures belong beside no others.

    Example: lookalike evaluate --since 2026-09-01 --niche bags/totes --html report.html
    """
    from workers.reports.arguments import evaluation_config

    settings = settings_of(context)
    config = evaluation_config(options.protocol, options.measures, options.by, options.niches)
    options.check()
    report = _report(settings, options, config)
    for path in sorted(set(config.niches) - {each.name for each in report.slices if each.by == "niche"}):
        say(f"hint: no shelf is in the category {path}")
    if options.html is not None:
        _write(options.html, report, _last_verdict(settings))
    _show(report, options.html, as_json=as_json)


def _report(settings: Settings, options: FigureOptions, config: "EvaluationConfig") -> Report:
    from workers.evaluation.reader import Days
    from workers.interactions.layout import interactions_folder
    from workers.reports.arguments import parse_dates, period, recorded_reach
    from workers.reports.build import Clock
    from workers.reports.run import RecordedRun

    first, end = parse_dates(options.since, options.until)
    folder = interactions_folder(settings)
    reach = recorded_reach(folder)
    _hint_at_missing(folder, reach)
    days = Days.of(folder, *period(folder, reach, first, end))
    recorded = RecordedRun(settings, days, config, Clock(datetime.now(UTC), reach.until), options.model, _progress)
    if options.protocol == "shelf":
        return recorded.shelf_report(options.compare, None if options.plan is None else options.plan / 100)
    return recorded.index_report(options.compare, options.sample or SAMPLE)


def _hint_at_missing(folder: Path, reach: "Reach") -> None:
    """What is recorded and can't be evaluated, or should be recorded and is not."""
    from workers.interactions.damaged_files import describe_damage, find_damaged_files
    from workers.interactions.gaps import describe_gaps, find_gaps

    for hint in (
        reach.ignored_message(),
        describe_damage(find_damaged_files(folder)),
        describe_gaps(find_gaps(folder)),
    ):
        if hint:
            say(f"hint: {hint}")


def _show(report: Report, html: Path | None, *, as_json: bool) -> None:
    """As JSON; or the name of the page that was written; or the report, in colours on a terminal."""
    from workers.reports.text import terminal_report, text_report

    if as_json or (html is None and not sys.stdout.isatty()):
        show(report.model_dump(mode="json"), as_json=as_json, page=lambda: text_report(report))
    elif html is not None:
        show({}, as_json=False, page=lambda: str(html))
    else:
        sys.stdout.write(redacted(terminal_report(report, shutil.get_terminal_size().columns)) + "\n")


@contextlib.contextmanager
def _progress(word: str, total: int | None) -> "Iterator[ReportProgress]":
    with Progress(word, total) as progress:
        yield progress.show


def _last_verdict(settings: Settings) -> "Verdict | None":
    """The verdict of the last decision round with its age; None if there was none yet."""
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder
    from workers.decision.verdict import last_verdict
    from workers.interactions.layout import interactions_folder

    if not folder(settings).is_dir():
        return None
    try:
        with Store(folder(settings)) as store:
            return last_verdict(store, interactions_folder(settings))
    except LookalikeError as damaged:  # the report is of what is recorded, and needs none of it
        say(f"without the result of the last decision round: {damaged}")
        return None


def _write(file: Path, report: Report, verdict: "Verdict | None") -> None:
    """Write the page, or leave the file that was there before."""
    from workers.process import atomic_write
    from workers.reports.html import html_page

    try:
        atomic_write.write_text(file, html_page(report, verdict), durable=False)
    except OSError as error:
        raise LookalikeError(f"--html {file} can't be written: {error.strerror}") from None
