"""`lookalike status`: one page on the state of the index and of the processes."""

from typing import Any

import typer

from streams.errors import LookalikeError, ServiceUnavailable
from workers.cli.output import JsonOption, Page, fields, settings_of, show


def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """One page: the live model, rows by status, lag, dead letters, and what is down.

    Exits 3 if Kafka or Milvus is unavailable, after it has shown what the other reports; 1 if no worker is running, or
    if a process of the local stack ends again and again.

    Example: lookalike status
    """
    from workers.operations.status import overview

    found = overview(settings_of(context))
    show(found, as_json=as_json, page=lambda: _status_page(found))
    if found["down"]:
        message = "; ".join(found["down"])
        raise ServiceUnavailable(message) if found["away"] else LookalikeError(message)


def _status_page(found: dict[str, Any]) -> Page:
    rows: list[tuple[str, object]] = [
        ("live model", found["model"] or "none yet"),
        ("collection", found["collection"] or "–"),
        *((f"rows {status}", count) for status, count in (found["rows"] or {}).items()),
        ("tombstones", found["tombstones"]),
        ("lag", found["lag"]),
        ("  due", found["lag_due"]),
        ("  waiting", found["lag_waiting"]),
        ("dead letters", found["dead_letters"]),
        *((f"  {reason}", count) for reason, count in (found["dead_letters_by_reason"] or {}).items()),
        ("index workers", found["workers"]),
        ("recorders", found["recorders"]),
        ("missing offsets", _missing(found["missing_offsets"])),
        ("last evaluation", _evaluation(found["evaluation"])),
        ("decision", _decision(found["decision"])),
        ("restarts", _restarts(found["restarts"])),
        ("down", "; ".join(found["down"]) or "nothing"),
    ]
    return fields(rows)


def _missing(holes: list[dict[str, Any]]) -> str:
    if not holes:
        return "none"
    said = [f"{each['topic']} partition {each['partition']}, {each['first']} to {each['last']}" for each in holes[:3]]
    return f"{'; '.join(said)}{'; …' if len(holes) > 3 else ''}: see `lookalike fill-holes`"


def _decision(last: dict[str, Any] | None) -> str | None:
    if last is None:
        return None
    return "; ".join([f"{last['kind'] or 'none'}, {last['age']}: {last['says']}", *last["falls"]])


def _restarts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"


def _evaluation(last: dict[str, Any] | None) -> str | None:
    if last is None:
        return None
    value = (
        last["missing"] if last["nDCG@5"] is None else f"{last['nDCG@5']:.3f} ({last['low']:.3f} to {last['high']:.3f})"
    )
    return f"nDCG@5 {value}, {last['since']} to before {last['until']}, made {last['at']:%Y-%m-%d %H:%M} UTC"
