"""`lookalike dead-letters`: list events that could not be processed, show one, and replay them."""

from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import LookalikeError, NotFound, ServiceUnavailable, UsageError
from workers.cli.output import JsonOption, Page, Progress, settings_of, show, table

if TYPE_CHECKING:
    from streams.dead_letters import StoredDeadLetter
    from workers.operations.dead_letters import Found

app = typer.Typer(
    help="Events that could not be processed: list them, show one, replay them.",
    epilog="Example: lookalike dead-letters list --open",
    no_args_is_help=True,
)

ReasonOption = Annotated[str | None, typer.Option(help="Only dead letters of this reason, such as image-missing.")]


@app.command("list")
def list_dead_letters(
    context: typer.Context,
    reason: ReasonOption = None,
    still_open: Annotated[
        bool, typer.Option("--open", help="Only those whose listing the index does not have at that version yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Count the dead letters by reason, and show the newest.

    Example: lookalike dead-letters list --reason image-missing --open
    """
    from workers.operations.dead_letters import find_dead_letters, replayed_since

    settings = settings_of(context)
    found = find_dead_letters(settings, reason=reason, still_open=still_open, limit=limit)
    since = replayed_since(settings, found.newest)
    rows = [each.row() | {"replayed": since.get(each.location)} for each in found.newest]
    counts = dict(found.by_reason.most_common())
    document = {"count": found.count, "by_reason": counts, "letters": rows}
    show(document, as_json=as_json, page=lambda: _list_page(found, rows))


def _list_page(found: "Found", rows: list[dict[str, Any]]) -> Page:
    if not found.count:
        return "no dead letters"
    columns = ("key", "reason", "attempts", "at", "replayed")
    shown: list[tuple[object, ...]] = [
        (dead_letter.location, *(row[name] for name in columns), str(row["error"])[:80])
        for dead_letter, row in zip(found.newest, rows, strict=True)
    ]
    counts = table(("reason", "count"), found.by_reason.most_common())
    return [counts, table(("first source", *columns, "error"), shown)]


@app.command("show")
def show_dead_letter(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET of its first source, or a listing's id.")],
    full: Annotated[bool, typer.Option("--full", help="Print the whole value, however long.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with its raw bytes and its image addresses; by listing id, the newest of that listing.

    For people the first 4,096 bytes of the value, unless --full is given; --json has all of them.

    Example: lookalike dead-letters show listing-updated:3:1017
    """
    from streams.dead_letters import read_dead_letters
    from workers.cli.dead_letter_page import dead_letter_document, dead_letter_page

    found = max(
        (each for each in read_dead_letters(settings_of(context)) if source in (each.location, _text(each.record.key))),
        key=lambda each: each.record.source.timestamp,
        default=None,
    )
    if found is None:
        raise NotFound(f"there is no dead letter of {source}; `lookalike dead-letters list` shows what there is")
    document = dead_letter_document(found)
    show(document, as_json=as_json, page=lambda: dead_letter_page(found, document, full=full))


@app.command()
def replay(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC:PARTITION:OFFSET]…", help="The first source of each, as `list` shows it."),
    ] = None,
    reason: ReasonOption = None,
    every: Annotated[bool, typer.Option("--all", help="Replay all dead letters.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be replayed; send nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters through listing-retry again, with their bytes unchanged; of several of one event the newest.

    Safe to repeat: an event is ordered by its first source, so what is indexed already, or older, changes nothing.

    Example: lookalike dead-letters replay --reason fetch-exhausted --dry-run
    """
    from streams.dead_letters import newest_dead_letters
    from streams.replay import replay as replay_dead_letters

    if sum(map(bool, (sources, reason, every))) != 1:
        raise UsageError("give one of: TOPIC:PARTITION:OFFSET of one or more dead letters, --reason REASON, --all")
    settings, wanted, unknown = settings_of(context), set(sources or ()), set(sources or ())

    def is_selected(dead_letter: "StoredDeadLetter") -> bool:
        unknown.discard(dead_letter.location)
        return every or dead_letter.dead_letter.reason == reason or dead_letter.location in wanted

    selected = newest_dead_letters(settings, is_selected)
    first = next(selected, None)  # by then the topic was read once
    if unknown:
        line = f"there is no dead letter of {', '.join(sorted(unknown))}; nothing was replayed"
        raise NotFound(f"{line}; `lookalike dead-letters list` shows what there is")
    with Progress("dead letters") as progress:
        dead_letters = chain(() if first is None else (first,), selected)
        result = replay_dead_letters(settings, dead_letters, dry_run=dry_run, progress=progress.show)
    document = {**result.document(), "dry_run": dry_run}
    show(document, as_json=as_json, page=lambda: _replay_page(document))
    if result.failed:
        message = f"{result.failed} events were not confirmed: {result.errors[0]}"
        raise LookalikeError(message) if result.refused else ServiceUnavailable(message)
    if result.not_replayable:
        raise typer.Exit(1)


def _replay_page(document: dict[str, Any]) -> str:
    if not document["matched"]:
        return "no dead letters"
    done = "would be replayed" if document["dry_run"] else "replayed"
    number = document["matched"] - len(document["not_replayable"]) - document["failed"]
    reasons = ", ".join(f"{name} {many}" for name, many in document["by_reason"].items())
    lost = [
        f"{each['topic']}:{each['partition']}:{each['offset']} can't be replayed: {each['why']}"
        for each in document["not_replayable"]
    ]
    return "\n".join([f"{number} {done} ({reasons}), {document['failed']} failed", *lost])


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
