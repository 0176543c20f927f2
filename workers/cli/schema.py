"""`lookalike schema`: the JSON Schema of an event."""

import json
from typing import Annotated

import typer

from streams.errors import UsageError


def schema(name: Annotated[str, typer.Argument(help="An event's name, such as listing-created.")]) -> None:
    """Print the JSON Schema of an event.

    Example: lookalike schema listing-created > listing-created.json
    """
    from schemas.registry import SCHEMAS, json_schema

    if name not in SCHEMAS:
        raise UsageError(f"there is no schema {name}; there are {', '.join(SCHEMAS)}")
    typer.echo(json.dumps(json_schema(name), indent=2, ensure_ascii=False))
