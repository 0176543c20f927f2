"""`lookalike topics`: create the Kafka topics, or check how they differ."""

from typing import Any

import typer

from workers.cli.output import JsonOption, settings_of, show, table

topics = typer.Typer(
    help="The topics: create what is missing, or check how they differ.",
    epilog="Example: lookalike topics check",
    no_args_is_help=True,
)


@topics.command()
def create(context: typer.Context, as_json: JsonOption = False) -> None:
    """Create the topics that are missing; safe to repeat.

    Example: lookalike topics create
    """
    from streams.topics import create as create_topics

    _show_topics(create_topics(settings_of(context)), as_json=as_json)


@topics.command()
def check(context: typer.Context, as_json: JsonOption = False) -> None:
    """Report how the topics differ from what is needed (partitions, cleanup policy); exits 1 if one does.

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
    show(document, as_json=as_json, page=lambda: table(("topic", "partitions", "policy", "state"), rows))
    if not all(each.ok for each in reports):
        raise typer.Exit(1)
