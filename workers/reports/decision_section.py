"""What the decision found, in the words of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.decision.decision_round import RoundResult, SourceSummary
from workers.decision.root_causes import Finding
from workers.reports import formatting

_OUTCOMES = {
    "quiet": ("✓", "Quiet", "Nothing speaks against the live model: nothing is to be done."),
    "investigate": ("?", "Investigate", "Something fell, and it is not, or not yet, known to be the model."),
    "blocked": ("‖", "Blocked", "A retraining is due, but a rule forbids to request it now."),
    "request": ("↻", "Retraining requested", "A retraining was requested, once."),
}
_SOURCES = {
    "concurrent": (
        "Live against the anchor",
        "Both models filled the same shelves, so that seasons and releases hit both alike: strong evidence.",
    ),
    "observed": (
        "Against its own first days",
        "The live model's days against those after its promotion: weak evidence, for nothing was randomised.",
    ),
}
_CAUSES = {
    "recording": "Is what happens recorded as before?",
    "index": "Is the index behind, or does it show what was sold?",
    "recall": "Does the search find what is nearest, with one recipe?",
    "release": "Did a policy, an app version or a layout change just then?",
    "traffic": "Are there users who behave as no person does?",
    "mix": "Is it what is looked at that changed, not how well it is served?",
    "season": "Is it what these days do every year?",
    "model": "Has the model itself become worse?",
}
_VERDICTS = {"found": ("●", "found"), "ruled out": ("○", "out"), "not known": ("?", "unknown")}
"""A sign and the style of each, so that colour is never all there is."""


_MOST = 999_999
"""Evidence above it is told as such."""


@dataclass(frozen=True)
class SourceSection:
    """A source's reading in words."""

    title: str
    says: str
    measure: str
    strength: str
    limit: str
    full: float
    """0 to 1: how near it is to an alarm."""
    rests_on: str
    alarm: str
    missing: str


def decision_view(look: RoundResult | None) -> dict[str, object] | None:
    """What the template shows of a look; None where nobody looked yet."""
    if look is None:
        return None
    outcome = look.outcome
    sign, title, says = _OUTCOMES[outcome.kind]
    return {
        "kind": outcome.kind,
        "sign": sign,
        "title": title,
        "means": says,
        "says": formatting.plain(outcome.says),
        "at": f"{look.at:%Y-%m-%d %H:%M %Z}".strip(),
        "model": formatting.plain(look.model or ""),
        "sources": [_source(each) for each in look.readings],
        "causes": [_cause(each) for each in outcome.findings],
        "blocks": _plain(outcome.blocks),
        "missing": _plain(outcome.missing),
        "diagnostics": {formatting.plain(name): formatting.plain(said) for name, said in look.diagnostics.items()},
        "decision_id": look.decision_id,
        "next_look": formatting.plain(look.next_look),
    }


def _source(said: SourceSummary) -> SourceSection:
    title, says = _SOURCES.get(said.source, (formatting.plain(said.source), ""))
    limit = f"{said.run_length_days:,.0f}"
    strength = f"{said.level:,.1f} of {limit}" if said.level < _MOST else f"over {_MOST:,} of {limit}"
    alarm = ""
    if said.alarm is not None:
        error = "" if said.error is None else f" (standard error {said.error:.1%})"
        drop = "" if said.drop is None else f"; it fell by about {said.drop:.1%}{error}, likely less"
        alarm = f"alarm on {said.alarm}, likely since {said.since}{drop}"
    until = f", until {said.until}" if said.until is not None else ""
    rests_on = f"{said.units:,} units on {said.days:,} matured days{until}"
    full = min(1.0, said.level / said.run_length_days)
    return SourceSection(
        title,
        says,
        formatting.plain(said.measure),
        strength,
        limit,
        full,
        rests_on,
        alarm,
        formatting.plain(said.missing),
    )


def _cause(finding: Finding) -> dict[str, object]:
    sign, style = _VERDICTS[finding.verdict]
    return {
        "name": finding.cause,
        "asks": _CAUSES.get(finding.cause, ""),
        "verdict": finding.verdict,
        "sign": sign,
        "style": style,
        "says": formatting.plain(finding.says),
        "figures": [
            (formatting.plain(name).replace("_", " "), f"{value:.4g}") for name, value in finding.figures.items()
        ],
    }


def _plain(texts: Sequence[str]) -> list[str]:
    return [formatting.plain(text) for text in texts]
