"""`lookalike down`: stop the local stack."""

import typer

from workers.cli.output import JsonOption, say, settings_of, show
from workers.cli.stack_page import stack_document
from workers.local.detach import stop
from workers.local.state import read_state


def down(context: typer.Context, as_json: JsonOption = False) -> None:
    """Stop the local stack, detached or not, and wait for its end; its data stays.

    Example: lookalike down
    """
    settings = settings_of(context)
    stopped = stop(settings)
    said = f"Stopped {', '.join(stopped)}." if stopped else f"No local stack is up for {settings.data}."
    document = stack_document(read_state(settings))
    if stopped or as_json:
        show(document, as_json=as_json, page=lambda: said)
    else:
        say(said)
