"""A report of what is recorded: of shelves in the order shown, or of what models make of them; or why there is none."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from schemas.report import Comparison, Report
from streams.failures import CommandFailed
from streams.settings import Settings
from workers.evaluate.choice import Choice
from workers.evaluate.reading import Days
from workers.evaluate.stats import folder_stats
from workers.record.scan import collect, scan
from workers.report.asked import Pair, Watch
from workers.report.build import Clock, build

if TYPE_CHECKING:  # pymilvus is loaded only where a model is asked
    from workers.vectors.vectors_of import Model


@dataclass(frozen=True)
class Recorded:
    """The days that a report is of, what is measured on them, and of which live model's shelves (None: all)."""

    settings: Settings
    days: Days
    choice: Choice
    clock: Clock
    model: str | None
    watch: Watch

    def of_shelves(self, compare: Pair | None) -> Report:
        """What was shown, in the order shown; beside it two models' own orders of it, where asked for.

        Raises CommandFailed: 1 where no shelf tells anything, 2 for a model that was never live or has no collection, 3
        where Milvus is needed and away.
        """
        comparison = self._comparison(compare) if compare else None
        by_day = []
        with self.watch("days", self._count) as tell:
            for each in folder_stats(self.days, self.choice, self.model):
                by_day.append(each)
                tell(len(by_day))
        if not any(stats.sums for _, stats in by_day):
            raise self._nothing()
        return build(by_day, self.clock, self.choice, model=self.model, comparison=comparison)

    def of_index(self, compare: Pair | None, sample: int) -> Report:
        """What models list of all listings, for the queries of `sample` shelves. Raises as `of_shelves` does."""
        from workers.report.indexed import draw, index_report

        with _models(self.settings, compare or ((self.model,) if self.model else ())) as models:
            with self.watch("days", self._count) as tell:
                drawn = draw(self.days, sample, model=self.model, tell=tell)
            if not drawn.of:
                raise self._nothing(" under a listing, with anything acted on")
            with self.watch("searches", None) as tell:
                report = index_report(self.days, drawn, models, self.choice, self.clock, model=self.model, tell=tell)
        if report.scored is None or not report.scored.shelves_scored:
            raise _unscored(len(drawn.shelves), models)
        return report

    def _comparison(self, compare: Pair) -> Comparison:
        from workers.report.scored import compare_models

        with _models(self.settings, compare) as (one, other), self.watch("days compared", self._count) as tell:
            found = compare_models(self.days, (one, other), self.choice, model=self.model, tell=tell)
        if found.scored is None or not found.scored.shelves_scored:
            raise _unscored(found.scored.shelves if found.scored else 0, (one, other))
        return found

    @property
    def _count(self) -> int:
        return len(self.days.each())

    def _nothing(self, which: str = "") -> CommandFailed:
        """The error where no shelf is left to tell anything of; a model that was never live here is a slip."""
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
def _models(settings: Settings, wanted: Sequence[str]) -> "Iterator[list[Model]]":
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
