"""What the evidence says today, source by source: how strongly, since when, how large the drop looks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import numpy as np

from workers.decision import anchor_lead, baseline
from workers.decision.e_detector import BETS, Run, log_factors, run
from workers.decision.evidence_store import Day, Floats
from workers.decision.evidence_units import DCG, LEAD, NDCG
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.signals import Change, Source, Stratum


@dataclass(frozen=True)
class Reading:
    """What one source says."""

    source: Source
    measure: str
    model: str
    e_value: float = 0.0
    """M of the e-detector; an alarm where it has reached the run length."""
    days: int = 0
    """Days of evidence that were tested."""
    units: int = 0
    alarm: date | None = None
    """The first day of evidence on which M reached the run length."""
    since: date | None = None
    """The likely beginning; told only of an alarm."""
    until: date | None = None
    """The last day of evidence."""
    drop: float | None = None
    """Relative, since then. It was picked for being large: the truth is likely smaller. Concurrent: of the credit in
    direct competition, which is more than the measure falls (5 % is told as 7 to 12 %)."""
    error: float | None = None
    """Its standard error, which leaves that picking out of account."""
    strata: tuple[Stratum, ...] | None = None
    missing: str = ""
    """What there is too little of; empty where the test runs."""
    falls: tuple[tuple[date, float], ...] = ()
    """Observed: each tested day's fall below the reference, relative."""
    spread: float = 0.0
    """Observed: the standard deviation of a day's fall, relative."""
    retest: Callable[[float], "Reading"] | None = field(default=None, compare=False, repr=False)
    """Observed: the same days if so much of the reference's level, relative, is no matter of the model."""


def concurrent_reading(days: Sequence[Day], rules: RetrainPolicy, used: date | None = None) -> Reading:
    """Live against its anchors on the same shelves; days in order, of one live model, at least one.

    One detector for each anchor, whose sum is an e-detector: of a day with several anchors each adds its part. Days up
    to `used` are not tested any more, and still teach the anchor's lead. The anchor that speaks the loudest is told.
    """
    anchors = Counter(day.day for day in days if len(day.codes))
    tests = [
        _against_anchor([day for day in days if day.anchor == anchor], rules, used, anchors)
        for anchor in sorted({day.anchor for day in days})
    ]
    tested = sorted({day for test in tests for day in test.dates})
    if not tested:
        return Reading("concurrent", LEAD, days[-1].model, until=days[-1].day, missing="a new day to test")
    levels = np.sum([test.levels(tested) for test in tests], axis=0)
    loudest = max(tests, key=lambda test: test.run.e_values[-1] if test.dates else -1.0)
    over = np.flatnonzero(levels >= rules.run_length_days)
    units = [day for test in tests for day in test.days]
    reading = Reading(
        "concurrent",
        LEAD,
        days[-1].model,
        float(levels[-1]),
        len(tested),
        sum(len(day.codes) for day in units),
        until=max(day.day for day in days),
    )
    if not len(over) or loudest.run.change_index is None:
        return reading
    return _lost_credit(replace(reading, alarm=tested[int(over[0])]), loudest)


@dataclass(frozen=True)
class _AnchorTest:
    """The tested days of one anchor."""

    days: list[Day]
    run: Run
    lead: float
    """What a drop is measured from: the anchor's lead in the first days, or the margin of the policy."""

    @property
    def dates(self) -> list[date]:
        """Of the tested days."""
        return [day.day for day in self.days]

    def levels(self, dates: Sequence[date]) -> Floats:
        """The e-value on each of these days: on one without the anchor it is as it was."""
        known, level, found = dict(zip(self.dates, self.run.e_values, strict=True)), 0.0, []
        for each in dates:
            level = known.get(each, level)
            found.append(level)
        return np.array(found)


def _against_anchor(
    days: Sequence[Day], rules: RetrainPolicy, used: date | None, anchors: Mapping[date, int]
) -> _AnchorTest:
    margins = anchor_lead.margins(days, rules.margin)
    pairs = [(day, margin) for day, margin in zip(days, margins, strict=True) if used is None or day.day > used]
    factors = [log_factors(day.of(LEAD), margin, BETS) if len(day.codes) else None for day, margin in pairs]
    shares = [1.0 / max(anchors.get(day.day, 1), 1) for day, _ in pairs]
    learnt = anchor_lead.learnt_lead(days)
    lead = rules.margin if learnt is None else min(rules.margin, learnt)
    return _AnchorTest([day for day, _ in pairs], run(factors, rules.run_length_days, shares), lead)


def _lost_credit(reading: Reading, test: _AnchorTest) -> Reading:
    """The drop: of the credit that live earns for each of the anchor's, in direct competition on the same shelves."""
    begun = test.run.change_index or 0
    worse = np.concatenate([day.of(LEAD) for day in test.days[begun:]])
    lead, error = float(worse.mean()), float(worse.std() / np.sqrt(len(worse)))
    # The anchor has (1 + lead) / 2 of the credit and live the rest: live earns (1 - lead) / (1 + lead) of the anchor's.
    ratio = (1 - lead) / (1 + lead) * (1 + test.lead) / (1 - test.lead)
    slope = 2 / (1 + lead) ** 2 * (1 + test.lead) / (1 - test.lead)
    strata = _strata(test.days[:begun], test.days[begun:], LEAD, sign=-1.0)
    since = test.days[begun].day
    return replace(reading, since=since, drop=1 - ratio, error=error * slope, strata=strata)


def observed_reading(
    days: Sequence[Day], rules: RetrainPolicy, used: date | None = None, explained: float = 0.0
) -> Reading:
    """A model's days against its own first ones; days in order, at least one. Known holidays are left out.

    Days up to `used` are not tested any more, and stay the reference if they are among the first. `explained` is the
    share of the reference's level that something else than the model is known to have taken: it is allowed for.
    """
    usual = [day for day in days[rules.settle_days :] if not any(span.has(day.day) for span in rules.holidays)]
    first, later = usual[: rules.reference_days], usual[rules.reference_days :]
    tested = [day for day in later if used is None or day.day > used]
    if not tested:
        lacking = rules.reference_days - len(first)
        missing = (
            f"{lacking} more matured days for the reference, then days to test" if lacking else "a new day to test"
        )
        return Reading("observed", DCG, days[0].model, until=days[-1].day, missing=missing)
    found = (_test(first, tested, measure, rules, explained) for measure in (NDCG, DCG))
    tests = [test for test in found if test is not None]
    if not tests:
        return Reading("observed", DCG, days[0].model, until=days[-1].day, missing="a reference with units")
    retest = partial(observed_reading, days, rules, used)
    reading = _joined(tests, first, tested, rules)
    left = None if reading.drop is None else reading.drop - explained
    return replace(reading, drop=left, retest=lambda more: retest(explained + more))


@dataclass(frozen=True)
class _Test:
    measure: str
    against: baseline.Reference
    run: Run
    falls: Floats


def _test(
    first: Sequence[Day], tested: Sequence[Day], measure: str, rules: RetrainPolicy, explained: float
) -> _Test | None:
    against = baseline.reference(first, measure)
    if against is None:
        return None
    allowed = baseline.slack(against, rules.least_effect) + explained * abs(against.level)
    falls = [baseline.shortfall(day, measure, against) for day in tested]
    factors = [
        None if fall is None else log_factors(baseline.bet_on(fall, against, allowed), 0.0, baseline.BETS)
        for fall in falls
    ]
    numbers = np.array([np.nan if fall is None else fall for fall in falls])
    return _Test(measure, against, run(factors, rules.run_length_days), numbers)


def _joined(tests: list[_Test], first: Sequence[Day], tested: Sequence[Day], rules: RetrainPolicy) -> Reading:
    """The mean of two e-detectors is one; the measure that says more gives its name."""
    levels = np.mean([test.run.e_values for test in tests], axis=0)
    loudest = max(tests, key=lambda test: test.run.e_values[-1])
    over = np.flatnonzero(levels >= rules.run_length_days)
    joined = Run(tuple(float(each) for each in levels), int(over[0]) if len(over) else None, loudest.run.change_index)
    reading = _reading(tested, joined, loudest.measure)
    if joined.alarm_index is None or joined.change_index is None:
        return reading
    falls, against = loudest.falls[joined.change_index :], loudest.against
    counted = np.count_nonzero(~np.isnan(falls))
    if not counted or against.level <= 0:
        return reading
    error = float(np.hypot(against.spread / np.sqrt(counted), against.error))
    strata = _strata(first, tested[joined.change_index :], loudest.measure, sign=1.0)
    return replace(
        reading,
        drop=float(np.nanmean(falls)) / against.level,
        error=error / against.level,
        strata=strata,
        falls=tuple(
            (day.day, float(fall) / against.level)
            for day, fall in zip(tested, loudest.falls, strict=True)
            if not np.isnan(fall)
        ),
        spread=against.spread / against.level,
    )


def _reading(days: Sequence[Day], found: Run, measure: str) -> Reading:
    last = days[-1]
    alarmed = found.alarm_index is not None
    return Reading(
        last.source,
        measure,
        last.model,
        found.e_values[-1],
        len(days),
        sum(len(day.codes) for day in days),
        days[found.alarm_index].day if found.alarm_index is not None else None,
        days[found.change_index].day if alarmed and found.change_index is not None else None,
        last.day,
    )


def _strata(before: Sequence[Day], after: Sequence[Day], measure: str, *, sign: float) -> tuple[Stratum, ...]:
    """Shares and values by stratum, with `sign` so that more is better."""
    (n0, s0), (n1, s1) = baseline.totals(before, measure), baseline.totals(after, measure)
    all0, all1 = sum(n0.values()) or 1.0, sum(n1.values()) or 1.0
    return tuple(
        Stratum(
            name=name,
            share=Change(before=n0.get(name, 0) / all0, after=n1.get(name, 0) / all1),
            value=sign * s1[name] / n1[name] if name in n1 else None,
            reference=sign * s0[name] / n0[name] if name in n0 else None,
        )
        for name in sorted({*n0, *n1})
    )
