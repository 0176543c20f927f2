"""Variants that users were assigned to: the difference of each from the first, and whether the split is as drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from scipy.stats import binomtest  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.config import EvaluationConfig
from workers.evaluation.estimates import Estimate
from workers.evaluation.exact_sums import DayStats
from workers.evaluation.figures import differences
from workers.evaluation.replicates import replicate_figures
from workers.interactions.scan import collect, scan


@dataclass(frozen=True)
class Split:
    """How many users had each of two variants, and what that says of an even split."""

    one: int
    other: int
    both: int
    """Users who had both, counted in each: where there are many, users were not assigned."""

    @property
    def p_value(self) -> float:
        """Of the sample ratio: how likely an even draw of users splits so unevenly; those with both are left out.

        >>> Split(500, 520, 0).p_value > 0.5, Split(500, 620, 0).p_value < 0.001
        (True, True)
        """
        one, other = self.one - self.both, self.other - self.both
        return float(binomtest(one, one + other).pvalue) if one + other else 1.0


def variant_differences(summed: DayStats, choice: EvaluationConfig) -> Mapping[tuple[str, str], Mapping[str, Estimate]]:
    """By (first, other) variant, each figure of the other less that of the first by name; empty for fewer than two."""
    found = {name: mine for (by, name), mine in replicate_figures(summed, choice).items() if by == "variant" and name}
    first, *others = sorted(found) or [""]
    return {(first, name): differences(found[first], found[name], choice.minimum_evidence) for name in others}


def splits(folder: Path, since: date, until: date, pairs: list[tuple[str, str]]) -> Mapping[tuple[str, str], Split]:
    """The users of the days [since, until) by pair of variants."""
    columns = ("event", "user", "variant")
    shelves = scan(folder, since, until, columns).filter(pl.col("event") == "shelf").drop_nulls()
    table = collect(lambda: shelves.select("user", "variant").unique())
    users = {name: set(table.filter(pl.col("variant") == name)["user"]) for pair in pairs for name in pair}
    return {
        (one, other): Split(len(users[one]), len(users[other]), len(users[one] & users[other])) for one, other in pairs
    }
