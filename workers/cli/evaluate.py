"""`lookalike evaluate`: how well similar items are ranked, from what was recorded."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.report import Protocol, Report
from streams.failures import CommandFailed
from streams.settings import Settings
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy, polars and pymilvus are loaded when the command runs
    from workers.decide.look import Told
    from workers.report.asked import Tell

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
    from workers.evaluate.reading import Days
    from workers.record.files import interactions_folder
    from workers.report.asked import choice_of, dates, period, recorded_until
    from workers.report.build import Clock
    from workers.report.recorded import Recorded
    from workers.report.table import lines

    settings, (first, end) = settings_of(context), dates(since, until)
    choice = choice_of(protocol, measures, by, niche or ())
    _check(compare, sample if protocol == "shelf" else None, html)
    folder = interactions_folder(settings)
    reach = recorded_until(folder)
    days = Days.of(folder, *period(folder, reach, first, end))
    recorded = Recorded(settings, days, choice, Clock(datetime.now(UTC), reach), model, _progress)
    report = recorded.of_shelves(compare) if protocol == "shelf" else recorded.of_index(compare, sample or SAMPLE)
    for path in sorted(set(choice.niches) - {each.name for each in report.slices if each.by == "niche"}):
        say(f"hint: no shelf stands under the category {path}")
    if html is not None:
        _write(html, report, _last_look(settings))
    if as_json or html is None:
        show(report.model_dump(mode="json"), as_json=as_json, lines=lambda: lines(report))
    elif html is not None:
        show({}, as_json=False, lines=lambda: str(html))


@contextlib.contextmanager
def _progress(word: str, total: int | None) -> "Iterator[Tell]":
    with Progress(word, total) as progress:
        yield progress.show


def _check(compare: tuple[str, str] | None, sample: int | None, html: Path | None) -> None:
    """Now, not after the work."""
    if compare and compare[0] == compare[1]:
        raise CommandFailed(f"--compare {compare[0]} with itself: two models are wanted", 2)
    if sample is not None:
        raise CommandFailed("--sample goes with --protocol index; of the shelves shown all are told", 2)
    if html is not None and (html.is_dir() or not os.access(html.parent, os.W_OK)):
        raise CommandFailed(f"--html {html} can't be written: name a file in a folder that is there and yours", 2)


def _last_look(settings: Settings) -> "Told | None":
    """What the decision found last; None where it never looked."""
    from workers.decide.evidence import Store
    from workers.decide.look import last_told
    from workers.decide.rules import folder

    if not folder(settings).is_dir():
        return None
    with Store(folder(settings)) as store:
        return last_told(store)


def _write(file: Path, report: Report, look: "Told | None") -> None:
    """The whole page, or what was there before."""
    from workers.report.page import page

    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_text(page(report, look), encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise CommandFailed(f"--html {file} can't be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
