"""A report of what is recorded: of shelves in the order shown, or of what models make of them; or why there is none."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from schemas.evaluation_report import Attributed, Comparison, Report, Sources
from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.evaluation.attribution_rate import attribution, sources
from workers.evaluation.config import EvaluationConfig
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.exact_sums import DayStats, merge_days
from workers.evaluation.reader import Days
from workers.evaluation.replicates import curve_sums
from workers.evaluation.variants import splits, variant_differences
from workers.interactions.scan import collect, scan
from workers.reports.arguments import USUAL_DAYS, Pair, ProgressReporter
from workers.reports.build import Clock, build, build_plan, build_variant

if TYPE_CHECKING:  # pymilvus is loaded only where a model is asked
    from workers.milvus.model_vectors import Model

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RecordedRun:
    """The days that a report is of, what is measured on them, and of which live model's shelves (None: all)."""

    settings: Settings
    days: Days
    config: EvaluationConfig
    clock: Clock
    model: str | None
    progress: ProgressReporter

    def shelf_report(self, compare: Pair | None, effect: float | None = None) -> Report:
        """What was shown, in the order shown; beside it two models' own orders of it, where asked for, and how long it
        takes to find a relative difference of `effect`.

        Raises LookalikeError if no shelf can be evaluated, UsageError for a model that was never live or has no
        collection, ServiceUnavailable if Milvus is needed and unavailable.
        """
        earlier = self._earlier()
        comparison = self._comparison(compare, earlier) if compare else None
        by_day = []
        with self.progress("days", self._count) as tell:
            for each in folder_stats(self.days, self.config, self.model):
                by_day.append(each)
                tell(len(by_day))
        if not any(stats.sums for _, stats in by_day):
            raise self._nothing()
        report = build(by_day, self.clock, self.config, model=self.model, comparison=comparison, earlier=earlier)
        found = attribution(self.days.folder, self.days.since, self.days.until, self.clock.windows)
        planned = build_plan(by_day, self.config, effect) if effect is not None else None
        known = sources(self.days.folder, self.days.since, self.days.until, self.clock.windows)
        update = {
            "attributed": Attributed(**vars(found)),
            "sources": Sources(**vars(known)),
            "plan": planned,
            "variants": self._variants(by_day),
        }
        return report.model_copy(update=update)

    def index_report(self, compare: Pair | None, sample: int) -> Report:
        """What models list of all listings, for the queries of `sample` shelves. Raises as `of_shelves` does."""
        from workers.reports.full_index import index_report, sample_shelves

        with _models(self.settings, compare or ((self.model,) if self.model else ())) as models:
            with self.progress("days", self._count) as tell:
                drawn = sample_shelves(self.days, sample, model=self.model, tell=tell)
            if not drawn.of:
                raise self._nothing(" under a listing, with anything acted on")
            with self.progress("searches", None) as tell:
                report = index_report(self.days, drawn, models, self.config, self.clock, model=self.model, tell=tell)
        if report.scored is None or not report.scored.shelves_scored:
            raise _unscored(len(drawn.shelves), models)
        return report

    def _earlier(self) -> DayStats:
        """What the days before these teach of examination, so that it is learnt from four weeks in all.

        Of all models: how much a position is examined does not depend on who filled it.
        """
        asked = self.days
        first = max(asked.until - USUAL_DAYS * _DAY, date.min + USUAL_DAYS * _DAY)
        if first >= asked.since:
            return DayStats()
        before = Days.of(asked.folder, first, asked.since, asked.windows, reports_seen=asked.reports_seen)
        curves_only = replace(self.config, measures=(), by=(), niches=())
        return merge_days(curve_sums(stats) for _, stats in folder_stats(before, curves_only))

    def _variants(self, by_day: Sequence[tuple[date, DayStats]]) -> tuple[Comparison, ...]:
        found = variant_differences(merge_days(stats for _, stats in by_day), self.config)
        counted = splits(self.days.folder, self.days.since, self.days.until, list(found)) if found else {}
        return tuple(build_variant(pair, counted[pair], figures) for pair, figures in found.items())

    def _comparison(self, compare: Pair, earlier: DayStats) -> Comparison:
        from workers.reports.model_comparison import compare_models

        with _models(self.settings, compare) as (one, other), self.progress("days compared", self._count) as tell:
            found = compare_models(self.days, (one, other), self.config, model=self.model, earlier=earlier, tell=tell)
        if found.scored is None or not found.scored.shelves_scored:
            raise _unscored(found.scored.shelves if found.scored else 0, (one, other))
        return found

    @property
    def _count(self) -> int:
        return len(self.days.each())

    def _nothing(self, which: str = "") -> LookalikeError:
        """The error where no shelf is left to tell anything of; a model that was never live here is a slip."""
        days = self.days
        shelves = collect(lambda: scan(days.folder, days.since, days.until, ("model",)).drop_nulls().unique())
        live = sorted(shelves["model"])
        if self.model is not None and live and self.model not in live:
            return UsageError(f"--model {self.model}: it was live on no shelf of these days; {', '.join(live)} was")
        last = days.until - timedelta(days=1)
        return LookalikeError(f"no visible shelf{which} is recorded from {days.since} to {last} in {days.folder}")


@contextlib.contextmanager
def _models(settings: Settings, wanted: Sequence[str]) -> "Iterator[list[Model]]":
    """These models' rows in Milvus, or the live one's; Milvus' failures end the command in its words."""
    from workers.milvus.client import as_command_failure, connect
    from workers.milvus.model_vectors import models_of

    with as_command_failure(settings), contextlib.closing(connect(settings)) as client:
        yield models_of(client, settings, wanted)


def _unscored(shelves: int, models: "Sequence[Model]") -> LookalikeError:
    names = " and ".join(each.model_id for each in models)
    return LookalikeError(
        f"of {shelves} shelves under a listing none has one that is indexed by {names}: nothing to tell"
    )
