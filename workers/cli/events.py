"""`lookalike topics`, `dead-letters` and `schema`: what crosses Kafka."""

import base64
import json
from typing import Annotated, Any

import typer

from streams.failures import CommandFailed
from workers.cli.output import JsonOption, settings_of, show, table

topics = typer.Typer(help="The topics: create what is missing, or check how they differ.", no_args_is_help=True)
dead_letters = typer.Typer(help="Messages that could not be done.", no_args_is_help=True)


@topics.command()
def create(context: typer.Context, as_json: JsonOption = False) -> None:
    """Create what is missing; safe to repeat.

    Example: lookalike topics create
    """
    from streams.topics import create as create_topics

    _show_topics(create_topics(settings_of(context)), as_json=as_json)


@topics.command()
def check(context: typer.Context, as_json: JsonOption = False) -> None:
    """Report what differs (partitions, cleanup policy); exit 1 where anything does.

    Example: lookalike topics check
    """
    from streams.topics import check as check_topics

    _show_topics(check_topics(settings_of(context)), as_json=as_json)


def _show_topics(reports: list[Any], *, as_json: bool) -> None:
    document = {
        "topics": [
            {
                "name": each.name,
                "partitions": each.partitions,
                "policy": each.policy,
                "ok": each.ok,
                "problem": each.problem,
            }
            for each in reports
        ]
    }
    rows: list[tuple[object, ...]] = [
        (each.name, each.partitions, each.policy, each.problem or "ok") for each in reports
    ]
    show(document, as_json=as_json, lines=lambda: table(("topic", "partitions", "policy", "state"), rows))
    if not all(each.ok for each in reports):
        raise typer.Exit(1)


@dead_letters.command("list")
def list_letters(
    context: typer.Context,
    reason: Annotated[str | None, typer.Option(help="Only letters of this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Count the dead letters by reason, and show the newest.

    Example: lookalike dead-letters list --reason image-missing
    """
    from streams.dead_letters import by_reason, letters

    found = [each for each in letters(settings_of(context)) if reason is None or each.letter.reason == reason]
    found.sort(key=lambda each: each.record.source.timestamp)
    counts = by_reason(found)
    rows = [each.row() for each in found[-limit:]]
    document = {"count": len(found), "by_reason": counts, "letters": rows}

    def lines() -> str:
        if not found:
            return "no dead letters"
        shown: list[tuple[object, ...]] = [
            (f"{row['topic']}:{row['partition']}:{row['offset']}", row["key"], row["reason"], row["attempts"],
             row["at"], str(row["error"])[:80])
            for row in rows
        ]  # fmt: skip
        reasons: list[tuple[object, ...]] = list(counts.items())
        heads = ("first source", "key", "reason", "attempts", "at", "error")
        return f"{table(('reason', 'letters'), reasons)}\n\n{table(heads, shown)}"

    show(document, as_json=as_json, lines=lines)


@dead_letters.command("show")
def show_letter(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET of its first source, or a listing's id.")],
    as_json: JsonOption = False,
) -> None:
    """Show one letter with its raw bytes; by listing id, the newest of that listing.

    Example: lookalike dead-letters show listing-updated:3:1017
    """
    from streams.dead_letters import letters

    def names(row: dict[str, object]) -> set[str]:
        return {f"{row['topic']}:{row['partition']}:{row['offset']}", str(row["key"])}

    found = [each for each in letters(settings_of(context)) if source in names(each.row())]
    if not found:
        raise CommandFailed(f"there is no dead letter of {source}; `lookalike dead-letters list` shows what there is")
    letter = max(found, key=lambda each: each.record.source.timestamp)
    value = letter.record.value
    document = {
        **letter.row(), "worker": letter.letter.worker, "model": letter.letter.model,
        "value_base64": None if value is None else base64.b64encode(value).decode(),
    }  # fmt: skip

    def lines() -> str:
        head = "\n".join(f"{name:>10}  {content}" for name, content in document.items() if name != "value_base64")
        return f"{head}\n\n{'(null)' if value is None else value.decode(errors='backslashreplace')}"

    show(document, as_json=as_json, lines=lines)


def schema(name: Annotated[str, typer.Argument(help="An event's name, such as listing-created.")]) -> None:
    """Print the JSON Schema of an event.

    Example: lookalike schema listing-created > listing-created.json
    """
    from schemas.catalogue import SCHEMAS, json_schema

    if name not in SCHEMAS:
        raise CommandFailed(f"there is no schema {name}; there are {', '.join(SCHEMAS)}", 2)
    typer.echo(json.dumps(json_schema(name), indent=2, ensure_ascii=False))
