"""`lookalike up`: the local stack, in the foreground or detached."""

import signal
from typing import Annotated

import typer

from streams.settings import Settings
from workers.cli.output import JsonOption, say, settings_of, show
from workers.cli.stack_page import show_stack
from workers.local.detach import start_detached
from workers.local.jars import jars
from workers.local.ports import Address, require_free
from workers.local.process_table import serving
from workers.local.supervisor import Stack


def up(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Index workers to run; 0: no recorder either.")] = 1,
    serve: Annotated[bool, typer.Option("--serve", help="Run `lookalike serve` as well, on 127.0.0.1.")] = False,
    serve_port: Annotated[int, typer.Option(min=1, max=65_535, help="The port on which --serve listens.")] = 29_580,
    detach: Annotated[bool, typer.Option("--detach", help="Return once all is running; `down` stops it.")] = False,
    fetch_only: Annotated[bool, typer.Option("--fetch-only", help="Download Kafka for later; start nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start Apache Kafka, Milvus Lite, the index workers and the recorder on this machine, and keep them running.

    Each is a process of its own, restarted when it dies; data and logs stay in LOOKALIKE_DATA.

    Example: lookalike up --workers 2 --detach
    """
    settings = settings_of(context)
    if fetch_only:
        folder = jars(settings)
        show({"jars": str(folder)}, as_json=as_json, page=lambda: f"Apache Kafka is in {folder}.")
    elif detach:
        more = ("--serve", "--serve-port", str(serve_port)) if serve else ()
        state = start_detached(settings, workers, *more)
        show_stack(settings, state, as_json=as_json, ending="`lookalike down` stops it.")
    else:
        _run(settings, workers, serve_port if serve else None, as_json=as_json)


def _run(settings: Settings, workers: int, serve_port: int | None, *, as_json: bool) -> None:
    """In the foreground, until SIGINT, SIGTERM or a closed terminal; a second one ends it at once."""
    jars(settings)  # while Ctrl-C still ends at once: a first fetch may be slow
    more = []
    if serve_port is not None:
        require_free(Address("127.0.0.1", serve_port, "--serve-port"))
        more.append(serving(settings, serve_port))
    stack = Stack(settings, workers=workers, more=more)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stack.interrupt())
    with stack:
        show_stack(settings, stack.document(), as_json=as_json, ending="Ctrl-C stops it.")
        stack.ended.wait()
        say("stopping: workers first, then Milvus Lite and Kafka …")
    if stack.failure:
        raise stack.failure
