"""`lookalike lag`: the lag of every consumer group, as the broker has it."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from streams.clients import await_kafka
from streams.errors import UsageError
from streams.groups import list_groups, topics_of
from streams.lag import PartitionLag, TotalLag, total_lag
from streams.lag import lag as lag_of
from streams.settings import Settings
from workers.cli.output import JsonOption, Page, repeated_show, settings_of, table

_WATCH_SECONDS = 2.0
"""Between two pages of `--watch`."""


def lag(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")] = False,
    fail_above: Annotated[int | None, typer.Option(min=0, help="Exit with status 1 if the total is higher.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Show only this consumer group, ours or not; may be repeated.")
    ] = None,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Show only partitions whose oldest unread record is older.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """The lag of each of our consumer groups, as the broker has it: records that are not finished yet.

    "due" is what a worker should process now; "waiting" is what was requeued because its image host is unavailable.
    Groups of an earlier model are shown as stale, and are in no total.

    Example: lookalike lag --fail-above 10000
    """
    settings = settings_of(context)
    _check_groups(settings, group or [])
    with repeated_show(as_json=as_json, live=watch) as show:
        while True:
            unfinished = lag_of(settings, group or None)
            partitions = [each for each in unfinished if (each.oldest_unread_seconds or 0) >= older_than]
            total = total_lag(partitions)
            stale = sorted({each.group for each in partitions if each.stale})
            document = {"groups": [asdict(each) for each in partitions], **asdict(total), "stale": stale}
            show(document, partial(_lag_page, partitions, total))
            if fail_above is not None and total.total > fail_above:
                raise typer.Exit(1)
            if not watch:
                return
            time.sleep(_WATCH_SECONDS)


def _check_groups(settings: Settings, wanted: list[str]) -> None:
    """A group that nobody knows has no lag of 0; raises UsageError for the first of them."""
    there = list_groups(await_kafka(settings)) if wanted else []
    if unknown := [each for each in wanted if each not in there]:
        ours = ", ".join(each for each in there if topics_of(settings, each)) or "none"
        raise UsageError(f"there is no group {unknown[0]}; of ours there are: {ours}")


def _lag_page(found: list[PartitionLag], total: TotalLag) -> Page:
    if not found:
        return "no group has anything unread, or none of ours has read anything yet"
    rows: list[tuple[object, ...]] = [
        (
            each.group,
            each.topic,
            each.partition,
            each.committed,
            each.end,
            each.lag,
            each.due,
            each.waiting,
            each.oldest_unread_seconds,
        )
        for each in found
        if each.lag
    ]
    summary: list[tuple[object, ...]] = [
        (f"{group} (stale)" if stale else group, *_sums(each for each in found if each.group == group))
        for stale, group in sorted({(each.stale, each.group) for each in found})
    ]
    groups = table(("group", "lag", "due", "waiting"), [*summary, ("total", total.total, total.due, total.waiting)])
    heads = ("group", "topic", "partition", "committed", "end", "lag", "due", "waiting", "oldest unread s")
    return [groups, table(heads, rows)] if rows else groups


def _sums(found: Iterable[PartitionLag]) -> tuple[int, int, int]:
    places = list(found)
    return sum(each.lag for each in places), sum(each.due for each in places), sum(each.waiting for each in places)
