"""`lookalike audit`: compare the index with the log, and repair it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.audited_model import audit_subject
from workers.cli.output import JsonOption, Page, counted_steps, say, settings_of, show, table

if TYPE_CHECKING:
    from workers.operations.audit.audit import Audited
    from workers.operations.audit.oracle import End
    from workers.operations.audit.repair import Repaired
    from workers.operations.audit.sources import Subject

SHOWN = 20
"""Findings that people see; a document has up to a thousand."""

_DOCUMENTED = 1_000

ModelOption = Annotated[
    str | None, typer.Option(help="Audit the collections of this model, as name@hash12; by default the live model.")
]


def audit(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what is wrong, through the workers.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long repairs may take before what is left is reported.")
    ] = 120.0,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the fold of the log with rows and tombstones; exits 1 if anything is wrong.

    Safe at any time: what the workers have not finished yet counts as pending, not as wrong. With --repair, missing and
    stale listings are sent to the workers again and phantoms are deleted; then the exit status is that of the repairs.

    Example: lookalike audit --repair
    """
    from workers.milvus.client import as_command_failure
    from workers.operations.audit.audit import audit as audit_all
    from workers.operations.audit.repair import repair as put_right

    settings = settings_of(context)
    with as_command_failure(settings), counted_steps() as progress:
        subject = audit_subject(settings, model)
        found = audit_all(subject, progress)
        repaired = put_right(subject, found, wait, progress) if repair else None
    document = _document(subject, found, repaired)
    show(document, as_json=as_json, page=lambda: _page(document, asked=repair))
    if not found.workers:
        say(f"lookalike: no index worker is in the group {subject.group}: nothing that is pending will be done")
    if document["wrong"]:
        raise typer.Exit(1)


def _document(subject: "Subject", found: "Audited", repaired: "Repaired | None") -> dict[str, Any]:
    report = found.report
    done = repaired.repaired if repaired else 0
    findings = repaired.left.findings if repaired else report.findings
    return {
        "model": subject.collections.model_id,
        "collection": subject.collections.listings,
        "checked": report.checked,
        "missing": report.kinds["missing"],
        "phantom": report.kinds["phantom"],
        "stale": report.kinds["stale"],
        "repaired": done,
        "wrong": report.kinds.total() - done,
        "events": report.produced,
        **{end: report.ends[end] for end in _ENDS},
        "workers": found.workers,
        "findings": [
            {"listing_id": each.listing_id, "kind": each.kind, "says": each.says} for each in findings[:_DOCUMENTED]
        ],
    }


_ENDS: tuple["End", ...] = ("indexed", "superseded", "dead_lettered", "covered", "pending", "lost")


def _page(document: dict[str, Any], *, asked: bool) -> Page:
    rows: list[tuple[object, ...]] = [
        (name.replace("_", " "), document[name])
        for name in ("checked", "missing", "phantom", "stale", *(("repaired", "wrong") if asked else ()))
    ]
    events: list[tuple[object, ...]] = [(name.replace("_", "-"), document[name]) for name in ("events", *_ENDS)]
    parts: list[Any] = [document["collection"], table(("listings", "count"), rows), table(("events", "count"), events)]
    if findings := document["findings"]:
        lines = [f"{each['listing_id']}: {each['kind']}: {each['says']}" for each in findings[:SHOWN]]
        more = document["missing"] + document["phantom"] + document["stale"] - document["repaired"] - len(lines)
        parts.append("\n".join([*lines, *([f"… and {more} more; --json shows a thousand"] if more > 0 else [])]))
    if document["wrong"] and not asked:
        parts.append("`lookalike audit --repair` puts it right.")
    elif document["wrong"]:
        parts.append("Not all is right yet; `lookalike audit` shows what is left.")
    return parts
