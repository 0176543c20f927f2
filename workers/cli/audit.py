"""`lookalike audit` and `refetch`: is the index what the log says, and what puts it right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.failures import CommandFailed
from streams.settings import Settings
from workers.cli.output import JsonOption, Progress, say, settings_of, show, table

if TYPE_CHECKING:
    from workers.audit.audit import Audited
    from workers.audit.gather import Subject
    from workers.audit.oracle import End
    from workers.audit.repair import Repaired

SHOWN = 20
"""Findings that people see; a document has up to a thousand."""
_DOCUMENTED = 1_000

ModelOption = Annotated[str | None, typer.Option(help="A model id name@hash12; none: the live model.")]


def audit(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what is wrong, through the workers.")] = False,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long repairs may take.")] = 120.0,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the fold of the log with rows and tombstones; exit 1 where anything is wrong.

    Safe at any time: what the workers have not finished yet counts as pending, not as wrong. With --repair, missing and
    stale listings go back to the workers, phantoms are deleted, and the exit status says whether all is right then.

    Example: lookalike audit --repair
    """
    from workers.audit.audit import audit as audit_all
    from workers.audit.repair import repair as put_right
    from workers.vectors.client import answering

    settings = settings_of(context)
    with answering(settings), _progress() as progress:
        subject = _subject(settings, model)
        found = audit_all(subject, progress)
        repaired = put_right(subject, found, wait, progress) if repair else None
    document = _document(subject, found, repaired)
    show(document, as_json=as_json, lines=lambda: _page(document, asked=repair))
    if not found.workers:
        say(f"lookalike: no index worker is in the group {subject.group}: nothing that is pending will be done")
    if document["wrong"]:
        raise typer.Exit(1)


def _document(subject: "Subject", found: "Audited", repaired: "Repaired | None") -> dict[str, Any]:
    report = found.report
    done = repaired.repaired if repaired else 0
    findings = repaired.left.findings if repaired else report.findings
    return {
        "model": subject.collections.model_id, "collection": subject.collections.listings,
        "checked": report.checked, "missing": report.kinds["missing"], "phantom": report.kinds["phantom"],
        "stale": report.kinds["stale"], "repaired": done, "wrong": report.kinds.total() - done,
        "events": report.produced, **{end: report.ends[end] for end in _ENDS}, "workers": found.workers,
        "findings": [
            {"listing_id": each.listing_id, "kind": each.kind, "says": each.says} for each in findings[:_DOCUMENTED]
        ],
    }  # fmt: skip


_ENDS: tuple["End", ...] = ("indexed", "superseded", "dead_lettered", "covered", "pending", "lost")


def _page(document: dict[str, Any], *, asked: bool) -> str:
    rows: list[tuple[object, ...]] = [
        (name.replace("_", " "), document[name])
        for name in ("checked", "missing", "phantom", "stale", *(("repaired", "wrong") if asked else ()))
    ]
    events: list[tuple[object, ...]] = [(name.replace("_", "-"), document[name]) for name in ("events", *_ENDS)]
    parts = [document["collection"], table(("listings", "count"), rows), table(("events", "count"), events)]
    if findings := document["findings"]:
        lines = [f"{each['listing_id']}: {each['kind']}: {each['says']}" for each in findings[:SHOWN]]
        more = document["missing"] + document["phantom"] + document["stale"] - document["repaired"] - len(lines)
        parts.append("\n".join([*lines, *([f"… and {more} more; --json shows a thousand"] if more > 0 else [])]))
    if document["wrong"] and not asked:
        parts.append("`lookalike audit --repair` puts it right.")
    elif document["wrong"]:
        parts.append("Not all is right yet; `lookalike audit` tells what is left of it.")
    return "\n\n".join(parts)


def refetch(
    context: typer.Context,
    listing_ids: Annotated[list[str], typer.Argument(metavar="ID…")],
    as_json: JsonOption = False,
) -> None:
    """Fetch the pictures of listings again although their addresses are the same; encode them where they changed.

    The workers do it: `lookalike explain ID` tells when. Exit 1 where a listing is unknown or not on sale.

    Example: lookalike refetch m81237 m81238
    """
    from workers.audit.refetch import refetch as ask_again
    from workers.vectors.client import answering

    settings = settings_of(context)
    with answering(settings):
        told = ask_again(settings, _subject(settings, None).store, listing_ids)
    document = {"requested": len(told.requested), "listings": told.requested, "refused": told.refused}
    show(document, as_json=as_json, lines=lambda: f"requested {len(told.requested)}")
    if told.refused:
        raise CommandFailed("; ".join(f"{listing_id}: {why}" for listing_id, why in told.refused.items()))


def _subject(settings: Settings, model: str | None) -> "Subject":
    """What is audited: the live model, or the one that was asked for."""
    from workers.audit.gather import Subject
    from workers.vectors.client import connect
    from workers.vectors.collection import exists, live, names
    from workers.vectors.store import Store

    client = connect(settings)
    found = live(client, settings) if model is None else names(settings, model)
    if found is None:
        raise CommandFailed("nothing is indexed yet; start a worker with `lookalike worker index`")
    if model is not None and not exists(client, found):
        raise CommandFailed(f"there is no collection {found.listings}; a model id is name@hash12", 2)
    hash12 = found.model_id.rpartition("@")[2]
    return Subject(settings, Store(client, found), settings.named(f"lookalike-index-{hash12}"))


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """A line for each thing that is counted, on a terminal."""
    line: list[Progress] = []
    words: list[str] = []

    def told(what: str, count: int) -> None:
        if words[-1:] != [what]:
            if line:
                line.pop().__exit__()
            words.append(what)
            line.append(Progress(what))
        line[0].show(count)

    try:
        yield told
    finally:
        if line:
            line.pop().__exit__()
