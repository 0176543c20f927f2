"""What is the state of everything: read from the broker and the store, told as plain values."""

from dataclasses import asdict
from typing import Any

from confluent_kafka import KafkaException

from schemas.evaluation_report import Report, Shown
from streams.clients import await_kafka
from streams.dead_letters import count_by_reason, read_dead_letters
from streams.errors import Broken, LookalikeError, SlowDown
from streams.groups import RECORD, hash_of, index_group, our_groups
from streams.lag import lag, members, total_lag
from streams.reports import last_report
from streams.settings import Settings
from workers.decision.retrain_policy import EVIDENCE_FILE
from workers.decision.retrain_policy import folder as decide_folder
from workers.interactions.gaps import find_gaps
from workers.interactions.layout import interactions_folder
from workers.local.crash_loops import not_well, restarts
from workers.milvus.client import as_command_failure, connect
from workers.milvus.collection import live
from workers.milvus.counts import rows_by_status, tombstones


def overview(settings: Settings) -> dict[str, Any]:
    """The fields of `lookalike status --json`; what can't be asked is None, and named in `away` and `down`.

    `down` names processes as well: those that end again and again, and those of which none is running.
    """
    found: dict[str, Any] = {
        "model": None,
        "collection": None,
        "rows": None,
        "tombstones": None,
        "lag": None,
        "lag_due": None,
        "lag_waiting": None,
        "workers": None,
        "recorders": None,
        "evaluation": None,
        "dead_letters": None,
        "dead_letters_by_reason": None,
        "away": [],
        "decision": _decision(settings),
        "restarts": restarts(settings),
        "missing_offsets": [asdict(each) for each in find_gaps(interactions_folder(settings))],
    }
    missing: list[str] = []
    try:
        found |= _from_milvus(settings)
    except (LookalikeError, SlowDown) as away:
        found["away"].append(str(away))
    try:
        found |= _from_kafka(settings)
        missing = _not_running(settings, found["model"])
    except (LookalikeError, SlowDown, KafkaException) as away:
        found["away"].append(str(away))
    return found | {"down": [*found["away"], *missing, *not_well(settings), *_undecided(found["decision"])]}


def _decision(settings: Settings) -> dict[str, Any] | None:
    """The last verdict with its age and the falls beside it; None if there was no round here."""
    folder = decide_folder(settings)
    if not (folder / EVIDENCE_FILE).exists():
        return None
    try:
        from workers.decision.evidence_store import Store
        from workers.decision.verdict import last_verdict
    except ImportError:  # a machine without the extra `evaluation` can't read it, and need not
        return None
    try:
        with Store(folder) as store:
            verdict = last_verdict(store, interactions_folder(settings))
    except (LookalikeError, Broken) as damaged:
        return {"kind": None, "says": str(damaged), "age": None, "late": True, "falls": [], "failure": None}
    result = verdict.result
    return {
        "kind": None if result is None else result.outcome.kind,
        "says": "no round yet" if result is None else result.outcome.message,
        "as_of": verdict.age.as_of,
        "records_until": verdict.age.records_until,
        "behind_days": verdict.age.behind_days,
        "age": str(verdict.age),
        "late": verdict.age.late,
        "falls": [] if result is None else [str(each) for each in result.falls if each.certain],
        "failure": None if verdict.failure is None else verdict.failure.error,
    }


def _undecided(decision: dict[str, Any] | None) -> list[str]:
    """That the decision has stopped, in one line; none if it goes on."""
    if decision is None or not (decision["late"] or decision["failure"]):
        return []
    why = decision["failure"] or (decision["says"] if decision["kind"] is None else "")
    return [f"the decision is {decision['age'] or 'not known'}{f': {why}' if why else ''}"]


def _not_running(settings: Settings, model: str | None) -> list[str]:
    """The kinds of process that a catalogue needs, or has had, of which none is running."""
    client = await_kafka(settings, 5.0)
    groups = our_groups(client, settings)
    index = (
        [index_group(settings, model.rpartition("@")[2])]
        if model
        else [each for each in groups if hash_of(settings, each)]
    )
    found: list[str] = []
    if not members(client, [each for each in index if each in groups]):
        of_which = f" of the live model {model}" if model else ""
        found.append(f"no index worker{of_which} is running; `lookalike worker index` is one")
    record = settings.named(RECORD)
    if record in groups and not members(client, [record]):
        found.append("no recorder is running, and there was one; `lookalike worker record` is one")
    return found


def _from_milvus(settings: Settings) -> dict[str, Any]:
    with as_command_failure(settings):
        client = connect(settings)
        current = live(client, settings)
        if current is None:
            return {}
        return {
            "model": current.model_id,
            "collection": current.listings,
            "rows": rows_by_status(client, current),
            "tombstones": tombstones(client, current),
        }


def _evaluation(last: Report | None) -> dict[str, Any] | None:
    """The last report's headline: when it was made, of which model and days, nDCG@5 with its interval."""
    if last is None:
        return None
    figure = last.total.get("nDCG@5", Shown(missing="not measured"))
    return {
        "at": last.at,
        "model": last.model,
        "since": last.since,
        "until": last.until,
        "nDCG@5": figure.value,
        "low": figure.low,
        "high": figure.high,
        "missing": figure.missing,
    }


def _from_kafka(settings: Settings) -> dict[str, Any]:
    client = await_kafka(settings, 5.0)
    groups = our_groups(client, settings)
    index_groups = [group for group in groups if hash_of(settings, group)]
    found = list(read_dead_letters(settings))
    total = total_lag(lag(settings, groups))
    return {
        "lag": total.total,
        "lag_due": total.due,
        "lag_waiting": total.waiting,
        "workers": members(client, index_groups),
        "recorders": members(client, [group for group in groups if group == settings.named(RECORD)]),
        "evaluation": _evaluation(last_report(settings)),
        "dead_letters": len(found),
        "dead_letters_by_reason": count_by_reason(found),
    }
