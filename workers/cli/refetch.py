"""`lookalike refetch`: fetch the pictures of listings again."""

from typing import Annotated

import typer

from streams.errors import LookalikeError
from workers.cli.audited_model import audit_subject
from workers.cli.output import JsonOption, settings_of, show


def refetch(
    context: typer.Context,
    listing_ids: Annotated[list[str], typer.Argument(metavar="ID…")],
    as_json: JsonOption = False,
) -> None:
    """Fetch the pictures of listings again although their addresses are the same; encode them where they changed.

    The workers do it: `lookalike explain ID` tells when. Exit 1 where a listing is unknown or not on sale.

    Example: lookalike refetch m81237 m81238
    """
    from workers.milvus.client import as_command_failure
    from workers.operations.audit.refetch import refetch as ask_again

    settings = settings_of(context)
    with as_command_failure(settings):
        told = ask_again(settings, audit_subject(settings, None).store, listing_ids)
    document = {"requested": len(told.requested), "listings": told.requested, "refused": told.refused}
    show(document, as_json=as_json, page=lambda: f"requested {len(told.requested)}")
    if told.refused:
        raise LookalikeError("; ".join(f"{listing_id}: {why}" for listing_id, why in told.refused.items()))
