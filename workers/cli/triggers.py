"""`lookalike triggers`: does anything speak for a retraining, what was ruled out, and a request by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import UsageError
from streams.settings import Settings
from workers.cli.output import JsonOption, Page, settings_of, show, table

if TYPE_CHECKING:
    from workers.decision.retrain_policy import RetrainPolicy
    from workers.decision.verdict import Verdict


def triggers(
    context: typer.Context,
    request: Annotated[
        str | None, typer.Option(metavar="WHY", help="Request a retraining by hand, for this reason.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide now, and neither write nor publish anything.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Whether to retrain: what was found, what was ruled out and why, what is missing, when the next round is.

    `lookalike worker evaluate` decides by itself; this shows its last result. With --request the policy still holds:
    exits 1 if it blocks the request.

    Example: lookalike triggers --request "the spring collection is here" --dry-run
    """
    from workers.decision.retrain_policy import folder, read_policy
    from workers.local.crash_loops import restarts

    settings = settings_of(context)
    if request is not None and not request.strip():
        raise UsageError("--request: say why, in a few words")
    rules = read_policy(settings)
    anew = request is not None or dry_run
    verdict = _look(settings, rules, request, dry=dry_run) if anew else _last(settings)
    document = {
        **_document(verdict),
        "restarts": restarts(settings),
        "kill_switch": rules.stop,
        "folder": str(folder(settings)),
        "dry_run": dry_run,
    }
    show(document, as_json=as_json, page=lambda: _page(document))
    if request is not None and document["outcome"]["kind"] == "blocked":
        raise typer.Exit(1)


def _last(settings: Settings) -> "Verdict":
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder
    from workers.decision.verdict import last_verdict
    from workers.interactions.layout import interactions_folder

    with Store(folder(settings)) as store:
        return last_verdict(store, interactions_folder(settings))


def _look(settings: Settings, rules: "RetrainPolicy", hand: str | None, *, dry: bool) -> "Verdict":
    """A look at what is stored, with the signs of the last one."""
    from workers.decision.decision_round import RoundRequest, last_signals, run_round
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder
    from workers.decision.retrain_requests import RetrainLog
    from workers.decision.verdict import Verdict, age_of
    from workers.interactions.layout import interactions_folder
    from workers.interactions.reach import reach

    with Store(folder(settings)) as store:
        signs = last_signals(store)
        asked = RoundRequest(now=datetime.now(UTC), manual_reason=hand, dry=dry)
        result = run_round(store, [], lambda _alarm: signs, rules, RetrainLog(settings), asked)
        return Verdict(result, age_of(result, reach(interactions_folder(settings))))


def _document(verdict: "Verdict") -> dict[str, Any]:
    age = {
        "records_until": verdict.age.records_until and verdict.age.records_until.isoformat(),
        "behind_days": verdict.age.behind_days,
        "late": verdict.age.late,
        "age": str(verdict.age),
        "failure": verdict.failure and verdict.failure.model_dump(mode="json"),
    }
    if verdict.result is not None:
        return verdict.result.model_dump(mode="json") | age
    says = "nobody has looked yet: `lookalike worker evaluate` does"
    outcome = {"kind": "quiet", "says": says, "findings": [], "blocks": [], "missing": []}
    empty: dict[str, Any] = {
        "at": None,
        "model": None,
        "readings": [],
        "diagnostics": {},
        "next_look": "",
        "as_of": None,
        "falls": [],
    }
    return {**empty, "outcome": outcome, **age}


def _age_and_falls(document: dict[str, Any]) -> list[str]:
    """What stands beside every verdict: its age, failures and restarts, and how far each measure has fallen."""
    from workers.decision.measured_falls import MeasuredFall

    lines = [f"verdict {document['age']}"]
    if (failure := document["failure"]) is not None:
        lines.append(f"the round of {failure['at'][:16].replace('T', ' ')} UTC failed: {failure['error']}")
    lines += [f"restarts: {name} {count}" for name, count in document["restarts"].items() if count]
    lines += [str(MeasuredFall.model_validate(each)) for each in document["falls"]]
    return ["\n".join(lines)]


def _page(document: dict[str, Any]) -> Page:
    outcome = document["outcome"]
    parts: list[Any] = [f"{outcome['kind']}: {outcome['says']}"]
    if document["at"] is not None:
        parts[0] = (
            f"{document['model'] or 'no live model'}, looked at {document['at'][:16].replace('T', ' ')} UTC\n"
            + parts[0]
        )
    parts += _age_and_falls(document)
    if document.get("decision_id"):
        did = "would be requested" if document["dry_run"] else "requested"
        parts.append(f"{did}: decision {document['decision_id']}")
    if outcome["findings"]:
        rows: list[tuple[object, ...]] = [
            (each["cause"], each["verdict"], each["says"]) for each in outcome["findings"]
        ]
        parts.append(table(("cause", "", "why"), rows))
    if document["readings"]:
        parts.append(table(_HEADS, [_reading(each) for each in document["readings"]]))
    for heading, lines in (("missing", outcome["missing"]), ("blocked by", outcome["blocks"])):
        parts += ["\n".join(f"{heading}: {each}" for each in lines)] if lines else []
    if shown := document["diagnostics"]:
        parts.append("\n".join(f"{name} (shown, decides nothing): {words}" for name, words in shown.items()))
    if document["kill_switch"]:
        parts.append(
            f"the kill switch is set: nothing is requested while {document['folder']}/stop is there, or `stop` true"
        )
    if document["next_look"]:
        parts.append(f"next look: {document['next_look']}")
    return parts


_HEADS = ("evidence", "measure", "days", "units", "strength", "alarm at", "since", "drop")


def _reading(each: dict[str, Any]) -> tuple[object, ...]:
    drop = None if each["drop"] is None else f"{each['drop']:.1%} ± {1.96 * (each['error'] or 0.0):.1%}"
    name = each["source"] if each["source"] == "concurrent" else "observed (weak)"
    strength = f"{each['level']:.3g}" if each["days"] else each["missing"] or "–"
    return (
        name,
        each["measure"],
        each["days"],
        each["units"],
        strength,
        f"{each['run_length_days']:g}",
        each["since"],
        drop,
    )
