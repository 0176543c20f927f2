"""The decision's last result, in the words of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.decision.decision_round import RoundResult, SourceSummary
from workers.decision.root_causes import Finding
from workers.decision.verdict import RoundFailure, Verdict
from workers.reports.formatting import plain

_OUTCOMES = {
    "quiet": ("✓", "Quiet", "There is no evidence against the live model: nothing to do."),
    "investigate": ("?", "Investigate", "A figure fell, and the model is not, or not yet, known to be the cause."),
    "blocked": ("‖", "Blocked", "A retraining is due, but a rule forbids to request it now."),
    "request": ("↻", "Retraining requested", "A retraining was requested, once."),
}
_SOURCES = {
    "concurrent": (
        "Live against the anchor",
        "Both models filled the same shelves, so seasons and releases affect both alike: strong evidence.",
    ),
    "observed": (
        "Against its own first days",
        "The live model's days against those after its promotion: weak evidence, as nothing was randomised.",
    ),
}
_CAUSES = {
    "recording": "Are interactions recorded as before?",
    "index": "Is the index behind, or does it show sold items?",
    "recall": "Does the search find the nearest listings, with one recipe?",
    "release": "Did a policy, an app version or a layout change at that time?",
    "traffic": "Are there users that behave like no person?",
    "mix": "Did the mix of requests change, not how well each kind is served?",
    "season": "Do these days show the same drop every year?",
    "model": "Has the model itself become worse?",
}
_VERDICTS = {"found": ("●", "found"), "ruled out": ("○", "out"), "not known": ("?", "unknown")}
"""A sign and a CSS class for each, so that nothing is shown by colour alone."""
_MAX_SHOWN = 999_999
"""A larger e-value is shown as "over 999,999"."""


@dataclass(frozen=True)
class SourceSection:
    """A source's reading in words."""

    title: str
    meaning: str
    measure: str
    strength: str
    limit: str
    fraction: float
    """Of the e-value that is an alarm: 0 to 1."""
    evidence: str
    alarm: str
    missing: str


def decision_view(verdict: Verdict | None) -> dict[str, object] | None:
    """What the template shows of the last verdict; None if there was none yet."""
    if verdict is None or verdict.result is None:
        return None
    result = verdict.result
    outcome = result.outcome
    sign, title, meaning = _headline(verdict, result)
    return {
        "kind": "investigate" if title in _DOUBTS else outcome.kind,
        "age": str(verdict.age),
        "failure": _failure(verdict.failure),
        "falls": [(plain(str(each)), each.certain) for each in result.falls],
        "sign": sign,
        "title": title,
        "meaning": meaning,
        "message": plain(outcome.message),
        "at": f"{result.at:%Y-%m-%d %H:%M %Z}".strip(),
        "model": plain(result.model or ""),
        "sources": [_source(summary) for summary in result.readings],
        "causes": [_cause(finding) for finding in outcome.findings],
        "blocks": _plain(outcome.blocks),
        "missing": _plain(outcome.missing),
        "diagnostics": {plain(name): plain(text) for name, text in result.diagnostics.items()},
        "decision_id": result.decision_id,
        "next_look": plain(result.next_look),
    }


_LATE, _FELL = "No verdict lately", "Quiet, but a measure fell"
_DOUBTS = (_LATE, _FELL)
"""Titles under which nothing may look as if all were well."""


def _headline(verdict: Verdict, result: RoundResult) -> tuple[str, str, str]:
    """Sign, title and meaning: a verdict that is late or beside which a measure fell is not shown as plain quiet."""
    if verdict.age.late or verdict.failure is not None:
        return "!", _LATE, "The days since then are recorded, and nobody has decided on them: see the evaluator's log."
    if result.outcome.kind == "quiet" and any(each.certain for each in result.falls):
        return (
            "!",
            _FELL,
            "The evidence asks for nothing, or is not enough yet; the fall is shown with its interval.",
        )
    return _OUTCOMES[result.outcome.kind]


def _failure(failure: RoundFailure | None) -> str:
    """The last round's failure in words; empty if it ended well."""
    return "" if failure is None else plain(f"the round of {failure.at:%Y-%m-%d %H:%M} UTC failed: {failure.error}")


def _source(summary: SourceSummary) -> SourceSection:
    title, meaning = _SOURCES.get(summary.source, (plain(summary.source), ""))
    limit = f"{summary.run_length_days:,.0f}"
    e_value = f"{summary.e_value:,.1f}" if summary.e_value < _MAX_SHOWN else f"over {_MAX_SHOWN:,}"
    until = f", until {summary.until}" if summary.until is not None else ""
    return SourceSection(
        title=title,
        meaning=meaning,
        measure=plain(summary.measure),
        strength=f"{e_value} of {limit}",
        limit=limit,
        fraction=min(1.0, summary.e_value / summary.run_length_days),
        evidence=f"{summary.units:,} units on {summary.days:,} matured days{until}",
        alarm=_alarm(summary),
        missing=plain(summary.missing),
    )


def _alarm(summary: SourceSummary) -> str:
    if summary.alarm is None:
        return ""
    error = "" if summary.error is None else f" (standard error {summary.error:.1%})"
    what = "credit in direct competition" if summary.source == "concurrent" else "it"
    drop = "" if summary.drop is None else f"; {what} fell by about {summary.drop:.1%}{error}, probably less"
    return f"alarm on {summary.alarm}, probably since {summary.since}{drop}"


def _cause(finding: Finding) -> dict[str, object]:
    sign, style = _VERDICTS[finding.verdict]
    return {
        "name": finding.cause,
        "question": _CAUSES.get(finding.cause, ""),
        "verdict": finding.verdict,
        "sign": sign,
        "style": style,
        "message": plain(finding.message),
        "figures": [(plain(name).replace("_", " "), f"{value:.4g}") for name, value in finding.figures.items()],
    }


def _plain(texts: Sequence[str]) -> list[str]:
    return [plain(text) for text in texts]
