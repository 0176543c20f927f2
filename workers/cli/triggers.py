"""`lookalike triggers`: does anything speak for a retraining, what was ruled out, and a request by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import UsageError
from streams.settings import Settings
from workers.cli.output import JsonOption, Page, settings_of, show, table

if TYPE_CHECKING:
    from workers.decision.decision_round import RoundResult
    from workers.decision.retrain_policy import RetrainPolicy


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

    settings = settings_of(context)
    if request is not None and not request.strip():
        raise UsageError("--request: say why, in a few words")
    rules = read_policy(settings)
    anew = request is not None or dry_run
    told = _look(settings, rules, request, dry=dry_run) if anew else _last(settings)
    document = {**_document(told), "kill_switch": rules.stop, "folder": str(folder(settings)), "dry_run": dry_run}
    show(document, as_json=as_json, page=lambda: _page(document))
    if request is not None and document["outcome"]["kind"] == "blocked":
        raise typer.Exit(1)


def _last(settings: Settings) -> "RoundResult | None":
    from workers.decision.decision_round import last_result
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder

    with Store(folder(settings)) as store:
        return last_result(store)


def _look(settings: Settings, rules: "RetrainPolicy", hand: str | None, *, dry: bool) -> "RoundResult":
    """A look at what is stored, with the signs of the last one."""
    from workers.decision.decision_round import RoundRequest, last_signals, run_round
    from workers.decision.evidence_store import Store
    from workers.decision.retrain_policy import folder
    from workers.decision.retrain_requests import RetrainLog

    with Store(folder(settings)) as store:
        signs = last_signals(store)
        asked = RoundRequest(now=datetime.now(UTC), manual_reason=hand, dry=dry)
        return run_round(store, [], lambda _alarm: signs, rules, RetrainLog(settings), asked)


def _document(told: "RoundResult | None") -> dict[str, Any]:
    if told is not None:
        return told.model_dump(mode="json")
    says = "nobody has looked yet: `lookalike worker evaluate` does"
    outcome = {"kind": "quiet", "says": says, "findings": [], "blocks": [], "missing": []}
    return {"at": None, "model": None, "outcome": outcome, "readings": [], "diagnostics": {}, "next_look": ""}


def _page(document: dict[str, Any]) -> Page:
    outcome = document["outcome"]
    parts: list[Any] = [f"{outcome['kind']}: {outcome['says']}"]
    if document["at"] is not None:
        parts[0] = (
            f"{document['model'] or 'no live model'}, looked at {document['at'][:16].replace('T', ' ')} UTC\n"
            + parts[0]
        )
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
