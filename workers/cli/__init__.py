"""The program `lookalike`: one file a family of commands, gathered here."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from streams.failures import CommandFailed, SlowDown
from streams.log import set_up_log
from streams.settings import read_settings
from workers.cli import (
    ask,
    audit,
    decide,
    demo,
    events,
    letters,
    look,
    models,
    publish,
    record,
    serve,
    simulate,
    stack,
    withdraw,
    worker,
)
from workers.cli.output import say

app = typer.Typer(
    name="lookalike",
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


app.command()(stack.up)
app.command()(stack.down)
app.command()(demo.demo)
app.command()(publish.publish)
app.command()(ask.neighbors)
app.command()(serve.serve)
app.command()(look.lag)
app.command()(look.status)
app.command()(look.explain)
app.command()(audit.audit)
app.command()(audit.refetch)
app.command()(decide.triggers)
app.add_typer(events.topics, name="topics")
app.add_typer(letters.app, name="dead-letters")
app.command()(events.schema)
app.command()(simulate.simulate)
app.command()(withdraw.takedown)
app.command()(withdraw.erase)
app.command()(record.compact)
app.add_typer(models.app, name="models")
app.add_typer(worker.app, name="worker")


def main() -> None:
    """Run the program; a failed command ends with one line and its exit status."""
    try:
        app()
    except (SlowDown, KafkaException) as away:
        say(f"lookalike: a service stopped answering on the way: {away}; `lookalike status` says which")
        sys.exit(3)
    except CommandFailed as failure:
        say(f"lookalike: {failure}")
        sys.exit(failure.code)
