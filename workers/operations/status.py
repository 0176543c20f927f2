"""What is the state of everything: read from the broker and the store, told as plain values."""

from dataclasses import asdict
from typing import Any

from confluent_kafka import KafkaException

from schemas.evaluation_report import Report, Shown
from streams.clients import await_kafka
from streams.dead_letters import count_by_reason, read_dead_letters
from streams.errors import LookalikeError, SlowDown
from streams.groups import RECORD, hash_of, index_group, our_groups
from streams.lag import lag, members, total_lag
from streams.reports import last_report
from streams.settings import Settings
from workers.interactions.gaps import find_gaps
from workers.interactions.layout import interactions_folder
from workers.local.crash_loops import not_well
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
    return found | {"down": [*found["away"], *missing, *not_well(settings)]}


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
