"""`lookalike explain`: why a listing is in the index, or not."""

import atexit
import gc
from typing import Annotated

import typer

from workers.cli.output import JsonOption, settings_of, show


def explain(
    context: typer.Context,
    listing_id: Annotated[str, typer.Argument(metavar="ID", help="The listing's id.")],
    as_json: JsonOption = False,
) -> None:
    """Why is this listing in the index, or not: its events, their outcomes, its row, its dead letters.

    Example: lookalike explain m81237
    """
    from workers.cli.explain_page import explanation_page
    from workers.operations.explain import explanation

    atexit.register(gc.freeze)  # or the exit looks for garbage once more, for a tenth of the time of all
    found = explanation(settings_of(context), listing_id)
    show(found, as_json=as_json, page=lambda: explanation_page(found))
    if not (found["events"] or found["row"] or found["tombstone"] or found["dead_letters"]):
        raise typer.Exit(1)
