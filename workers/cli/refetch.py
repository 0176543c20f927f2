"""`lookalike refetch`: fetch the pictures of listings again."""

from typing import Annotated

import typer

from streams.errors import LookalikeError
from workers.cli.audited_model import audit_subject
from workers.cli.output import JsonOption, settings_of, show


def refetch(
    context: typer.Context,
    listing_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="The listings' ids.")],
    as_json: JsonOption = False,
) -> None:
    """Fetch the pictures of listings again although their addresses are the same; encode them if they changed.

    The workers do it: `lookalike explain ID` shows when. Exits 1 if a listing is unknown or not on sale.

    Example: lookalike refetch m81237 m81238
    """
    from workers.milvus.client import as_command_failure
    from workers.operations.audit.refetch import refetch as request_refetch

    settings = settings_of(context)
    with as_command_failure(settings):
        result = request_refetch(settings, audit_subject(settings, None).store, listing_ids)
    document = {"requested": len(result.requested), "listings": result.requested, "refused": result.refused}
    show(document, as_json=as_json, page=lambda: f"requested {len(result.requested)}")
    if result.refused:
        raise LookalikeError("; ".join(f"{listing_id}: {why}" for listing_id, why in result.refused.items()))
