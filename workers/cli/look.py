"""`lookalike lag`, `status` and `explain`: what people on call look at."""

import atexit
import gc
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from streams.failures import CommandFailed
from streams.lag import PartitionLag
from streams.lag import lag as lag_of
from workers.cli.output import JsonOption, settings_of, show, table


def lag(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    fail_above: Annotated[int | None, typer.Option(min=0, help="Exit 1 where the total is higher.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The lag of every group of ours, from the broker: records that are not finished yet.

    Example: lookalike lag --fail-above 10000
    """
    settings = settings_of(context)
    while True:
        found = lag_of(settings)
        total = sum(each.lag for each in found)
        if watch and sys.stdout.isatty() and not as_json:
            sys.stdout.write("\x1b[H\x1b[2J")
        document = {"groups": [asdict(each) for each in found], "total": total}
        show(document, as_json=as_json, lines=lambda: _lag_page(found, total))  # noqa: B023 - used at once
        if fail_above is not None and total > fail_above:
            raise typer.Exit(1)
        if not watch:
            return
        time.sleep(2.0)


def _lag_page(found: list[PartitionLag], total: int) -> str:
    if not found:
        return "no group of ours has read anything yet"
    rows: list[tuple[object, ...]] = [
        (each.group, each.topic, each.partition, each.committed, each.end, each.lag, each.oldest_unread_seconds)
        for each in found
        if each.lag
    ]
    groups = sorted({each.group for each in found})
    summary: list[tuple[object, ...]] = [
        (group, sum(each.lag for each in found if each.group == group)) for group in groups
    ]
    page = table(("group", "lag"), [*summary, ("total", total)])
    heads = ("group", "topic", "partition", "committed", "end", "lag", "oldest unread s")
    return f"{page}\n\n{table(heads, rows)}" if rows else page


def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """One page: the live model, rows by status, lag, dead letters, and what is down.

    Exits 3 where Kafka or Milvus is down, after it has shown what the other says.

    Example: lookalike status
    """
    from workers.ask.overview import overview

    found = overview(settings_of(context))
    show(found, as_json=as_json, lines=lambda: _status_page(found))
    if found["down"]:
        raise CommandFailed("; ".join(found["down"]), 3)


def _status_page(found: dict[str, Any]) -> str:
    rows: list[tuple[object, ...]] = [
        ("live model", found["model"] or "none yet"),
        ("collection", found["collection"] or "–"),
        *((f"rows {status}", count) for status, count in (found["rows"] or {}).items()),
        ("tombstones", found["tombstones"]),
        ("lag", found["lag"]),
        ("dead letters", found["dead_letters"]),
        *((f"  {reason}", count) for reason, count in (found["dead_letters_by_reason"] or {}).items()),
        ("index workers", found["workers"]),
        ("recorders", found["recorders"]),
        ("last evaluation", _evaluation(found["evaluation"])),
        ("down", ", ".join(found["down"]) or "nothing"),
    ]
    return "\n".join(f"{name:<20}{'–' if value is None else value}" for name, value in rows)


def _evaluation(last: dict[str, Any] | None) -> str | None:
    if last is None:
        return None
    value = (
        last["missing"] if last["nDCG@5"] is None else f"{last['nDCG@5']:.3f} ({last['low']:.3f} to {last['high']:.3f})"
    )
    return f"nDCG@5 {value}, {last['since']} to before {last['until']}, made {last['at']:%Y-%m-%d %H:%M} UTC"


def explain(
    context: typer.Context,
    listing_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: JsonOption = False,
) -> None:
    """Why is this listing in the index, or not: its events, their outcomes, its row, its dead letters.

    Example: lookalike explain m81237
    """
    from workers.ask.explanation import explanation

    atexit.register(gc.freeze)  # or the exit looks for garbage once more, for a tenth of the time of all
    found = explanation(settings_of(context), listing_id)
    show(found, as_json=as_json, lines=lambda: _explanation_page(found))
    if not (found["events"] or found["row"] or found["tombstone"] or found["dead_letters"]):
        raise typer.Exit(1)


def _explanation_page(found: dict[str, Any]) -> str:
    parts = [found["answer"]]
    for name in ("events", "outcomes", "dead_letters"):
        if found[name]:
            heads = tuple(found[name][0])
            rows: list[tuple[object, ...]] = [tuple(str(value)[:90] for value in each.values()) for each in found[name]]
            parts.append(f"{name.replace('_', ' ')}\n{table(heads, rows)}")
    parts += [
        "\n".join([name, *(f"  {field:<12}{value}" for field, value in found[name].items())])
        for name in ("row", "tombstone")
        if found[name]
    ]
    return "\n\n".join(parts)
