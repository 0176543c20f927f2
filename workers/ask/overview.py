"""What is the state of everything: read from the broker and the store, told as plain values."""

from typing import Any

from confluent_kafka import KafkaException

from schemas.report import Report, Shown
from streams.clients import await_kafka
from streams.dead_letters import by_reason, letters
from streams.failures import CommandFailed, SlowDown
from streams.lag import lag, members, our_groups
from streams.reports import last_report
from streams.settings import Settings
from workers.vectors.census import rows_by_status, tombstones
from workers.vectors.client import answering, connect
from workers.vectors.collection import live


def overview(settings: Settings) -> dict[str, Any]:
    """The fields of `lookalike status --json`; what can't be asked is None, and named in `down`."""
    found: dict[str, Any] = {
        "model": None, "collection": None, "rows": None, "tombstones": None, "lag": None, "workers": None,
        "recorders": None, "evaluation": None, "dead_letters": None, "dead_letters_by_reason": None, "down": [],
    }  # fmt: skip
    for part in (_from_milvus, _from_kafka):
        try:
            found |= part(settings)
        except (CommandFailed, SlowDown, KafkaException) as away:
            found["down"].append(str(away))
    return found


def _from_milvus(settings: Settings) -> dict[str, Any]:
    with answering(settings):
        client = connect(settings)
        current = live(client, settings)
        if current is None:
            return {}
        return {
            "model": current.model_id, "collection": current.listings,
            "rows": rows_by_status(client, current), "tombstones": tombstones(client, current),
        }  # fmt: skip


def _evaluation(last: Report | None) -> dict[str, Any] | None:
    """The last report's headline: when it was made, of which model and days, nDCG@5 with its interval."""
    if last is None:
        return None
    figure = last.total.get("nDCG@5", Shown(missing="not measured"))
    return {
        "at": last.at, "model": last.model, "since": last.since, "until": last.until,
        "nDCG@5": figure.value, "low": figure.low, "high": figure.high, "missing": figure.missing,
    }  # fmt: skip


def _from_kafka(settings: Settings) -> dict[str, Any]:
    client = await_kafka(settings, 5.0)
    groups = our_groups(client, settings)
    index_groups = [group for group in groups if group.startswith(settings.named("lookalike-index-"))]
    found = list(letters(settings))
    return {
        "lag": sum(each.lag for each in lag(settings, groups)),
        "workers": members(client, index_groups),
        "recorders": members(client, [group for group in groups if group == settings.named("lookalike-record")]),
        "evaluation": _evaluation(last_report(settings)),
        "dead_letters": len(found),
        "dead_letters_by_reason": by_reason(found),
    }
