"""The program `lookalike`: one file a family of commands, named here and imported when it is asked for."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from streams.failures import CommandFailed, SlowDown
from streams.log import set_up_log
from streams.settings import read_settings
from workers.cli.loaded import program_of
from workers.cli.output import say

app = typer.Typer(
    name="lookalike",
    cls=program_of(
        {
            "up": "stack:up",
            "down": "stack:down",
            "demo": "demo:demo",
            "publish": "publish:publish",
            "neighbors": "ask:neighbors",
            "serve": "serve:serve",
            "lag": "look:lag",
            "status": "look:status",
            "explain": "look:explain",
            "audit": "audit:audit",
            "refetch": "audit:refetch",
            "evaluate": "evaluate:evaluate",
            "triggers": "decide:triggers",
            "topics": "events:topics",
            "dead-letters": "letters:app",
            "schema": "events:schema",
            "simulate": "simulate:simulate",
            "takedown": "withdraw:takedown",
            "erase": "withdraw:erase",
            "compact": "record:compact",
            "models": "models:app",
            "worker": "worker:app",
        }
    ),
    help="Visually similar items for a marketplace: listings in by Kafka, neighbours out of Milvus.",
    epilog="Example: lookalike up --detach && lookalike publish --images ~/Pictures && lookalike status",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def program(
    context: typer.Context,
    kafka: Annotated[str | None, typer.Option(help="Bootstrap servers [LOOKALIKE_KAFKA].")] = None,
    milvus: Annotated[str | None, typer.Option(help="URI of Milvus [LOOKALIKE_MILVUS].")] = None,
    prefix: Annotated[str | None, typer.Option(help="Before every name [LOOKALIKE_PREFIX].")] = None,
    data: Annotated[Path | None, typer.Option(help="Where local data lives [LOOKALIKE_DATA].")] = None,
    log: Annotated[str | None, typer.Option(help="console or json [LOOKALIKE_LOG].")] = None,
) -> None:
    """Read the settings once, before any command."""
    settings = read_settings(kafka=kafka, milvus=milvus, prefix=prefix, data=data, log=log)
    set_up_log(settings.log)
    context.obj = settings


def main() -> None:
    """Run the program; a failed command ends with one line and its exit status."""
    # Imports make half a million objects that live to the end: looking for garbage among them takes long in vain.
    gc.set_threshold(50_000)
    try:
        app()
    except (SlowDown, KafkaException) as away:
        say(f"lookalike: a service stopped answering on the way: {away}; `lookalike status` says which")
        sys.exit(3)
    except CommandFailed as failure:
        say(f"lookalike: {failure}")
        sys.exit(failure.code)
