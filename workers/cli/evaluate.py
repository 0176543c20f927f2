"""`lookalike evaluate`: how well similar items are ranked, from what was recorded."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.report import Comparison, Protocol, Report
from streams.failures import CommandFailed
from streams.settings import Settings
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy, polars and pymilvus are loaded when the command runs
    from workers.decide.look import Told
    from workers.evaluate.choice import Choice
    from workers.evaluate.reading import Days
    from workers.report.build import Clock
    from workers.vectors.vectors_of import Model

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
    from workers.report.table import lines

    settings, (first, end) = settings_of(context), dates(since, until)
    choice = choice_of(protocol, measures, by, niche or ())
    _check(compare, sample if protocol == "shelf" else None, html)
    folder = interactions_folder(settings)
    reach = recorded_until(folder)
    days = Days.of(folder, *period(folder, reach, first, end))
    asked = _Asked(settings, days, choice, Clock(datetime.now(UTC), reach), model)
    report = asked.of_shelves(compare) if protocol == "shelf" else asked.of_index(compare, sample or SAMPLE)
    if html is not None:
        _write(html, report, _last_look(settings))
    if as_json or html is None:
        show(report.model_dump(mode="json"), as_json=as_json, lines=lambda: lines(report))
    elif html is not None:
        show({}, as_json=False, lines=lambda: str(html))


@dataclass(frozen=True)
class _Asked:
    """What a report is of."""

    settings: Settings
    days: "Days"
    choice: "Choice"
    clock: "Clock"
    model: str | None

    def of_shelves(self, compare: tuple[str, str] | None) -> Report:
        """What was shown, in the order shown; beside it two models' own orders of it, where asked for."""
        from workers.evaluate.stats import folder_stats
        from workers.report.build import build

        comparison = self._comparison(compare) if compare else None
        by_day = []
        with Progress("days", self._count) as progress:
            for each in folder_stats(self.days, self.choice, self.model):
                by_day.append(each)
                progress.show(len(by_day))
        if not any(stats.sums for _, stats in by_day):
            raise self._nothing()
        report = build(by_day, self.clock, self.choice, model=self.model, comparison=comparison)
        for path in set(self.choice.niches) - {each.name for each in report.slices if each.by == "niche"}:
            say(f"hint: no shelf stands under the category {path}")
        return report

    def of_index(self, compare: tuple[str, str] | None, sample: int) -> Report:
        """What models list of all listings."""
        from workers.report.indexed import draw, index_report

        wanted = compare or filter(None, (self.model,))
        with _models(self.settings, *wanted) as models:
            with Progress("days", self._count) as progress:
                drawn = draw(self.days, sample, model=self.model, tell=progress.show)
            if not drawn.of:
                raise self._nothing(" under a listing, with anything acted on")
            with Progress("searches") as progress:
                report = index_report(
                    self.days, drawn, models, self.choice, self.clock, model=self.model, tell=progress.show
                )
        if report.scored is None or not report.scored.shelves_scored:
            raise _unscored(len(drawn.shelves), models)
        return report

    def _comparison(self, compare: tuple[str, str]) -> Comparison:
        from workers.report.scored import compare_models

        with _models(self.settings, *compare) as (one, other), Progress("days compared", self._count) as progress:
            found = compare_models(self.days, (one, other), self.choice, model=self.model, tell=progress.show)
        if found.scored is None or not found.scored.shelves_scored:
            raise _unscored(found.scored.shelves if found.scored else 0, (one, other))
        return found

    @property
    def _count(self) -> int:
        return len(self.days.each())

    def _nothing(self, which: str = "") -> CommandFailed:
        """The error where no shelf is left to tell anything of; a model that was never live here is a slip."""
        from workers.record.scan import collect, scan

        days = self.days
        shelves = collect(lambda: scan(days.folder, days.since, days.until, ("model",)).drop_nulls().unique())
        live = sorted(shelves["model"])
        if self.model is not None and live and self.model not in live:
            return CommandFailed(
                f"--model {self.model}: it was live on no shelf of these days; {', '.join(live)} was", 2
            )
        last = days.until - timedelta(days=1)
        return CommandFailed(f"no visible shelf{which} is recorded from {days.since} to {last} in {days.folder}")


@contextlib.contextmanager
def _models(settings: Settings, *wanted: str) -> "Iterator[list[Model]]":
    """These models' rows in Milvus, or the live one's; Milvus' failures end the command in its words."""
    from workers.vectors.client import answering, connect
    from workers.vectors.vectors_of import models_of

    with answering(settings), contextlib.closing(connect(settings)) as client:
        yield models_of(client, settings, wanted)


def _unscored(shelves: int, models: "Sequence[Model]") -> CommandFailed:
    names = " and ".join(each.model_id for each in models)
    return CommandFailed(
        f"of {shelves} shelves under a listing none has one that is indexed by {names}: nothing to tell"
    )


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
