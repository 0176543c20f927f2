"""`lookalike serve`: shelves of similar items over HTTP, each recorded."""

import gc

import typer

from workers.cli.options import command_options
from workers.cli.output import settings_of
from workers.server.options import ServerOptions


@command_options
def serve(context: typer.Context, options: ServerOptions) -> None:
    """Answer shelves of similar items over HTTP, and record each as it was shown; /docs shows the API.

    Example: lookalike serve --port 29580 --per-seller 2 --min-score 0.3 --explore 0.02
    """
    from workers.server.sockets import bound, require_token

    settings = settings_of(context)
    require_token(settings, options.host)
    listening = bound(options.host, options.port)
    # Collecting garbage while a million objects of the libraries are made finds none, and takes an eighth of the time.
    gc.disable()
    from workers.server.service import run_server

    gc.enable()
    run_server(settings, options, listening)
