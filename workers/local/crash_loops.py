"""Processes of the local stack that end again and again, or are not running: for whoever asks what is down."""

import time
from typing import Any

from streams.settings import Settings
from workers.local.state import log_file, read_state, supervisor

OFTEN = 3
"""Ends within `WITHIN_SECONDS`, by themselves, that are named although the process runs again just now."""
WITHIN_SECONDS = 3_600.0


def not_well(settings: Settings) -> list[str]:
    """One line for each process of this data folder's stack that is not well; none if no stack is up."""
    if supervisor(settings) is None:
        return []
    now, found = time.time(), read_state(settings)["processes"]
    return [f"{said}; see {log_file(settings, each['name'])}" for each in found if (said := ends_often(each, now))]


def restarts(settings: Settings) -> dict[str, int]:
    """How often each process of this data folder's stack has ended by itself since `lookalike up`; empty without a
    stack."""
    if supervisor(settings) is None:
        return {}
    return {each["name"]: count_ends(each) for each in read_state(settings)["processes"]}


def count_ends(entry: dict[str, Any]) -> int:
    """Of one process of the state file; a supervisor of an earlier version counted the last ones only.

    >>> count_ends({"name": "index-1", "ends": 71, "ended_at": [1.0]}), count_ends({"name": "old", "ended_at": [1.0]})
    (71, 1)
    """
    return int(entry.get("ends", len(entry.get("ended_at", ()))))


def ends_often(entry: dict[str, Any], now: float) -> str:
    """That a process ends again and again, or waits for its next start, with its last words; empty if it is well.

    >>> ends_often({"name": "index-1", "state": "running", "problem": "no space", "ended_at": [1.0, 2.0, 3.0]}, 60.0)
    'index-1 has ended 3 times in the last hour, last with: no space'
    """
    count = sum(now - at < WITHIN_SECONDS for at in entry.get("ended_at", ()))
    if entry["state"] != "backing-off" and count < OFTEN:
        return ""
    times = "once" if count == 1 else f"{count} times"
    said = f"{entry['name']} has ended {times} in the last hour"
    return f"{said}, last with: {entry['problem']}" if entry.get("problem") else said
