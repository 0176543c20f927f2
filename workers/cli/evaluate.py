"""`lookalike evaluate`: how well similar items are ranked, from what was recorded."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.evaluation_report import Protocol, Report
from streams.errors import LookalikeError, UsageError
from streams.redaction import redacted
from streams.settings import Settings
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy, polars and pymilvus are loaded when the command runs
    from workers.decision.decision_round import RoundResult
    from workers.reports.arguments import ReportProgress

SAMPLE = 2_000


def evaluate(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day; without it: the 28th last recorded.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Exclusive: the day after the last one; without it: all recorded."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only shelves on which this model was live.")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two models, by id, order the same shelves by their vectors: B less A."),
    ] = None,
    niche: Annotated[list[str] | None, typer.Option(metavar="PATH", help="A category with a slice by name.")] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Slices, of category, niche, variant, model, anchor, policy, app_version."),
    ] = None,
    measures: Annotated[
        str | None, typer.Option(metavar="M,N", help="Beside nDCG@5, P@1, P@3, DCG@5: Recall@10, DCG(exp)@5, CTR …")
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="index: what a model lists of all listings; a diagnostic.")
    ] = "shelf",
    sample: Annotated[int | None, typer.Option(min=1, help=f"index: of so many shelves; without it: {SAMPLE}.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page that needs nothing else.")] = None,
    as_json: JsonOption = False,
) -> None:
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
    from workers.evaluation.reader import Days
    from workers.interactions.damaged_files import describe_damage, find_damaged_files
    from workers.interactions.gaps import describe_gaps, find_gaps
    from workers.interactions.layout import interactions_folder
    from workers.reports.arguments import evaluation_config, parse_dates, period, recorded_reach
    from workers.reports.build import Clock
    from workers.reports.run import RecordedRun
    from workers.reports.text import terminal_report, text_report

    settings, (first, end) = settings_of(context), parse_dates(since, until)
    choice = evaluation_config(protocol, measures, by, niche or ())
    _check(compare, sample if protocol == "shelf" else None, html)
    folder = interactions_folder(settings)
    reach = recorded_reach(folder)
    if reach.ignored:
        say(f"hint: {reach.ignored_message()}")
    if broken := describe_damage(find_damaged_files(folder)):
        say(f"hint: {broken}")
    if missing := describe_gaps(find_gaps(folder)):
        say(f"hint: {missing}")
    days = Days.of(folder, *period(folder, reach, first, end))
    recorded = RecordedRun(settings, days, choice, Clock(datetime.now(UTC), reach.until), model, _progress)
    report = recorded.shelf_report(compare) if protocol == "shelf" else recorded.index_report(compare, sample or SAMPLE)
    for path in sorted(set(choice.niches) - {each.name for each in report.slices if each.by == "niche"}):
        say(f"hint: no shelf stands under the category {path}")
    if html is not None:
        _write(html, report, _last_look(settings))
    if html is None and not as_json and sys.stdout.isatty():
        sys.stdout.write(redacted(terminal_report(report, shutil.get_terminal_size().columns)) + "\n")
    elif as_json or html is None:
        show(report.model_dump(mode="json"), as_json=as_json, page=lambda: text_report(report))
    elif html is not None:
        show({}, as_json=False, page=lambda: str(html))


@contextlib.contextmanager
def _progress(word: str, total: int | None) -> "Iterator[ReportProgress]":
    with Progress(word, total) as progress:
        yield progress.show


def _check(compare: tuple[str, str] | None, sample: int | None, html: Path | None) -> None:
    """Now, not after the work."""
    if compare and compare[0] == compare[1]:
        raise UsageError(f"--compare {compare[0]} with itself: two models are wanted")
    if sample is not None:
        raise UsageError("--sample goes with --protocol index; of the shelves shown all are told")
    if html is not None and (html.is_dir() or not os.access(html.parent, os.W_OK)):
        raise UsageError(f"--html {html} can't be written: name a file in a folder that is there and yours")


def _last_look(settings: Settings) -> "RoundResult | None":
    """What the decision found last; None where it never looked."""
    from workers.decision.decision_round import last_result
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder

    if not folder(settings).is_dir():
        return None
    try:
        with Store(folder(settings)) as store:
            return last_result(store)
    except LookalikeError as damaged:  # the report is of what is recorded, and needs none of it
        say(f"without what the decision found last: {damaged}")
        return None


def _write(file: Path, report: Report, look: "RoundResult | None") -> None:
    """Write the page, or leave the file that was there before."""
    from workers.process import atomic_write
    from workers.reports.html import html_page

    try:
        atomic_write.write_text(file, html_page(report, look), durable=False)
    except OSError as error:
        raise LookalikeError(f"--html {file} can't be written: {error.strerror}") from None
