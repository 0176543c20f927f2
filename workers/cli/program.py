"""The program `lookalike`: its commands (one file each, imported when called), options and exit status."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from streams.errors import Broken, LookalikeError, SlowDown
from streams.file_permissions import keep_private
from streams.local_files import unusable
from streams.logging_setup import set_up_log
from streams.settings import read_settings
from streams.terminal_text import cell
from workers.cli.extras import extra_of
from workers.cli.lazy_commands import program_of
from workers.cli.output import say
from workers.process.exit_status import exit_status
from workers.process.installed_version import installed_version

app = typer.Typer(
    name="lookalike",
    cls=program_of(
        {
            "up": "up:up",
            "down": "down:down",
            "demo": "demo:demo",
            "publish": "publish:publish",
            "neighbors": "neighbors:neighbors",
            "serve": "serve:serve",
            "lag": "lag:lag",
            "status": "status:status",
            "explain": "explain:explain",
            "audit": "audit:audit",
            "refetch": "refetch:refetch",
            "evaluate": "evaluate:evaluate",
            "triggers": "triggers:triggers",
            "topics": "topics:topics",
            "dead-letters": "dead_letters:app",
            "schema": "schema:schema",
            "simulate": "simulate:simulate",
            "takedown": "takedown:takedown",
            "erase": "erase:erase",
            "compact": "compact:compact",
            "fill-holes": "fill_holes:fill_holes",
            "models": "models:app",
            "worker": "worker:app",
        }
    ),
    help="Visually similar items for a marketplace: listings in by Kafka, neighbours out of Milvus.",
    epilog="Example: lookalike up --detach && lookalike publish --images ~/Pictures && lookalike status",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    installed = installed_version()
    if installed is None:
        raise LookalikeError("lookalike runs from its folder and is not installed, so its version is not known")
    typer.echo(f"lookalike {installed}")
    raise typer.Exit


@app.callback()
def program(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    kafka: Annotated[str | None, typer.Option(help="Bootstrap servers of Kafka [LOOKALIKE_KAFKA].")] = None,
    milvus: Annotated[str | None, typer.Option(help="Address (URI) of Milvus [LOOKALIKE_MILVUS].")] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Prefix of every topic, group and collection name [LOOKALIKE_PREFIX].")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of all local data [LOOKALIKE_DATA].")] = None,
    log: Annotated[
        str | None, typer.Option(help="Format of the log on stderr: console or json [LOOKALIKE_LOG].")
    ] = None,
) -> None:
    """Read the settings once, before any command."""
    settings = read_settings(kafka=kafka, milvus=milvus, prefix=prefix, data=data, log=log)
    set_up_log(settings.log)
    keep_private(settings.data)
    context.obj = settings


def run() -> None:
    """Run the command that the arguments name; a failed one ends with one line and its exit status."""
    # Imports make half a million objects that live to the end: looking for garbage among them takes long in vain.
    gc.set_threshold(50_000)
    try:
        app()
    except (SlowDown, KafkaException, TimeoutError) as away:
        say(f"lookalike: a service stopped answering on the way: {cell(away, 2_000)}; `lookalike status` says which")
        sys.exit(3)
    except OSError as error:
        if error.filename is None:
            raise
        say(f"lookalike: {cell(unusable(Path(str(error.filename)), error.strerror or str(error)), 4_000)}")
        sys.exit(1)
    except ModuleNotFoundError as missing:
        extra = extra_of(missing.name or "")
        if extra is None:
            raise
        say(f"lookalike: this command needs {missing.name}, which is not installed: pip install 'lookalike[{extra}]'")
        sys.exit(2)
    except Broken as broken:
        say(f"lookalike: {cell(broken, 4_000)}")
        sys.exit(1)
    except LookalikeError as failure:
        say(f"lookalike: {cell(failure, 4_000)}")
        sys.exit(exit_status(failure))
