"""`lookalike erase`: erase a listing, or everything recorded of a user."""

import sys
from typing import Annotated, Any

import typer

from streams.errors import UsageError
from streams.settings import Settings
from workers.cli.output import JsonOption, Page, settings_of, show, table, titled


def erase(
    context: typer.Context,
    listing: Annotated[str | None, typer.Option(help="The id of the listing to erase.")] = None,
    user: Annotated[str | None, typer.Option(help="The id of the user to erase, as the shop knows it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a user is erased.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to verify that a listing is gone everywhere.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Erase a listing, or all that is recorded of a user: nothing but a keyed hash is left. Prints a receipt.

    A listing: no replay brings it back, and in recorded interactions its id becomes the hash; exits 1 if a
    collection still has it after --wait. A version above the one erased is a new listing. A user: their shelves and
    all that refers to them are removed, and so is whatever arrives of them later.

    Example: lookalike erase --user u4711 --yes
    """
    settings = settings_of(context)
    if (listing is None) == (user is None):
        raise UsageError("give one of: --listing ID, --user ID")
    if user is not None:
        _erase_user(settings, user, yes=yes, as_json=as_json)
        return
    from workers.interactions.erasure import erase_listing
    from workers.operations.erasure import erase as erase_from_index

    receipt = erase_from_index(settings, listing or "", seconds=wait)
    receipt["interactions"] = erase_listing(settings, listing or "")
    show(receipt, as_json=as_json, page=lambda: _receipt(receipt))
    if not receipt["erased"]:
        raise typer.Exit(1)


def _erase_user(settings: Settings, user: str, *, yes: bool, as_json: bool) -> None:
    if not user:
        raise UsageError("--user: an id")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("this can't be undone: say --yes")
        typer.confirm("Remove all that is recorded of this user? It can't be undone.", abort=True, err=True)
    from workers.interactions.erasure import erase_user

    receipt = erase_user(settings, user)
    show(receipt, as_json=as_json, page=lambda: _user_receipt(receipt))


def _user_receipt(receipt: dict[str, Any]) -> Page:
    files: list[tuple[object, ...]] = [(each["file"], each["removed"]) for each in receipt["files"]]
    kept: list[tuple[object, ...]] = [(each["topic"], each["gone_by"]) for each in receipt["expires"]]
    return [
        f"{receipt['removed']} records were removed at {receipt['at']}, {receipt['shelves']} shelves among them",
        *([table(("file", "removed"), files)] if files else []),
        titled("not gone yet, and never recorded again:", table(("topic", "gone by"), kept)),
        f"kept for ever, so that no more is recorded: the keyed hash {receipt['hash'][:16]}… (key {receipt['key_id']})",
        "not ours to erase: backups, whatever else reads the topics; figures follow with the next evaluation",
    ]


def _receipt(receipt: dict[str, Any]) -> Page:
    head = f"{receipt['listing_id']} was erased up to version {receipt['version']} at {receipt['at']}"
    gone: list[tuple[object, ...]] = [
        (each["name"], "gone" if each["gone"] else "STILL THERE") for each in receipt["collections"]
    ]
    kept: list[tuple[object, ...]] = [
        (each["topic"], each["records"], each["gone_by"], each["nulls"], each["nulls_gone_by"])
        for each in receipt["expires"]
        if each["records"] or each["nulls"]
    ]
    return [
        head,
        titled("verified, read Strong, twice:", table(("collection", "the listing is"), gone)),
        "no longer shown or replayed: neighbors, explain, dead-letters",
        titled(
            "not gone yet, and read by no tool of ours:",
            table(("topic", "records", "gone by", "nulls", "nulls gone by"), kept),
        ),
        f"kept for ever: the keyed hash {receipt['hash'][:16]}… (key {receipt['key_id']}) and the version",
        f"recorded interactions: its id became the hash in {receipt['interactions']['renamed']} records",
        "not ours to erase: backups, log files, whatever else reads the topics",
    ]
