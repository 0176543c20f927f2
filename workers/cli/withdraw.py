"""`lookalike takedown` and `erase`: what people may no longer see."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.takedown import Kind
from streams.failures import CommandFailed
from streams.settings import Settings
from workers.cli.output import JsonOption, settings_of, show, table

_HASH = re.compile(r"[0-9a-f]{64}")


def takedown(
    context: typer.Context,
    listing: Annotated[str | None, typer.Option(help="A listing's id.")] = None,
    seller: Annotated[str | None, typer.Option(help="A seller's id: all of their listings.")] = None,
    image: Annotated[str | None, typer.Option(metavar="HASH|FILE", help="A picture, or its image_hash.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Show it again.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the takedown.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="List what is taken down.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take a listing, a seller or a picture out of every answer within a minute; workers then remove its rows.

    It holds for later events too, until it is undone; then the newest event of each listing is indexed again.

    Example: lookalike takedown --seller u99 --reason "court order 12"
    """
    settings = settings_of(context)
    asked: dict[Kind, str | None] = {"listing": listing, "seller": seller, "image": image}
    given = [(kind, value) for kind, value in asked.items() if value is not None]
    if len(given) != (0 if listed else 1):
        raise CommandFailed("give one of: --listing ID, --seller ID, --image HASH|FILE, --list", 2)
    if listed:
        _list(settings, as_json=as_json)
        return
    kind, value = given[0]
    value = _image_hash(value) if kind == "image" else value
    if not value or not value.isprintable() or len(value) > (128 if kind != "image" else 64):
        raise CommandFailed(f"--{kind}: 1 to 128 visible characters", 2)
    from workers.withdraw.takedown import take_down
    from workers.withdraw.takedown import undo as undo_takedown

    document: dict[str, Any] = {"kind": kind, "value": value, "undone": undo}
    if undo:
        document["put_back"] = undo_takedown(settings, kind, value)
        line = f"{kind} {value} may be shown again; {document['put_back']} listings will be indexed again"
    else:
        entry = take_down(settings, kind, value, reason)
        document |= {"at": entry.at.isoformat(timespec="seconds"), "reason": reason}
        line = f"{kind} {value} is taken down: out of every answer within a minute"
    show(document, as_json=as_json, lines=lambda: line)


def _list(settings: Settings, *, as_json: bool) -> None:
    from streams.takedowns import read_takedowns
    from workers.withdraw.takedown import listed

    entries = read_takedowns(settings).entries()
    rows = listed(entries)
    erased = len(entries) - len(rows)

    def lines() -> str:
        shown = table(("kind", "value", "at", "reason"), [tuple(each.values()) for each in rows])
        return f"{shown if rows else 'nothing is taken down'}\n{erased} listings were erased"

    show({"takedowns": rows, "erased": erased}, as_json=as_json, lines=lines)


def _image_hash(value: str) -> str:
    if _HASH.fullmatch(value.lower()):
        return value.lower()
    from workers.images.decode import hash_images

    try:
        return hash_images([Path(value).read_bytes()])
    except OSError as error:
        raise CommandFailed(f"--image: {value} is no hash, and no file that can be read: {error.strerror}", 2) from None


def erase(
    context: typer.Context,
    listing: Annotated[str | None, typer.Option(help="A listing's id.")] = None,
    user: Annotated[str | None, typer.Option(help="A user's id, as the shop knows it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a user is erased.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to look whether all of a listing is gone.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Erase a listing, or all that is recorded of a user: nothing but a keyed hash is left. Prints a receipt.

    A listing: no replay brings it back, and in recorded interactions its id becomes the hash; exits 1 where a
    collection still has it after the wait. A version above the one erased is a new listing. A user: their shelves and
    all that points to them go, and so does whatever comes of them later.

    Example: lookalike erase --user u4711 --yes
    """
    settings = settings_of(context)
    if (listing is None) == (user is None):
        raise CommandFailed("give one of: --listing ID, --user ID", 2)
    if user is not None:
        _erase_user(settings, user, yes=yes, as_json=as_json)
        return
    from workers.record.forget import forget_listing
    from workers.withdraw.erase import erase as erase_listing

    receipt = erase_listing(settings, listing or "", seconds=wait)
    receipt["interactions"] = forget_listing(settings, listing or "")
    show(receipt, as_json=as_json, lines=lambda: _receipt(receipt))
    if not receipt["erased"]:
        raise typer.Exit(1)


def _erase_user(settings: Settings, user: str, *, yes: bool, as_json: bool) -> None:
    if not user:
        raise CommandFailed("--user: an id", 2)
    if not yes:
        if not sys.stdin.isatty():
            raise CommandFailed("this can't be undone: say --yes", 2)
        typer.confirm("Remove all that is recorded of this user? It can't be undone.", abort=True, err=True)
    from workers.record.forget import forget_user

    receipt = forget_user(settings, user)
    show(receipt, as_json=as_json, lines=lambda: _user_receipt(receipt))


def _user_receipt(receipt: dict[str, Any]) -> str:
    files: list[tuple[object, ...]] = [(each["file"], each["removed"]) for each in receipt["files"]]
    kept: list[tuple[object, ...]] = [(each["topic"], each["gone_by"]) for each in receipt["expires"]]
    parts = [
        f"{receipt['removed']} records were removed at {receipt['at']}, {receipt['shelves']} shelves among them",
        *([table(("file", "removed"), files)] if files else []),
        "not gone yet, and never recorded again:\n" + table(("topic", "gone by"), kept),
        f"kept for ever, so that no more is recorded: the keyed hash {receipt['hash'][:16]}… (key {receipt['key_id']})",
        "not ours to erase: backups, whatever else reads the topics; figures follow with the next evaluation",
    ]
    return "\n\n".join(parts)


def _receipt(receipt: dict[str, Any]) -> str:
    head = f"{receipt['listing_id']} was erased up to version {receipt['version']} at {receipt['at']}"
    gone: list[tuple[object, ...]] = [
        (each["name"], "gone" if each["gone"] else "STILL THERE") for each in receipt["collections"]
    ]
    kept: list[tuple[object, ...]] = [
        (each["topic"], each["records"], each["gone_by"], each["nulls"], each["nulls_gone_by"])
        for each in receipt["expires"]
        if each["records"] or each["nulls"]
    ]
    parts = [
        head,
        "verified, read Strong, twice:\n" + table(("collection", "the listing is"), gone),
        "no longer shown or replayed: neighbors, explain, dead-letters",
        "not gone yet, and read by no tool of ours:\n"
        + table(("topic", "records", "gone by", "nulls", "nulls gone by"), kept),
        f"kept for ever: the keyed hash {receipt['hash'][:16]}… (key {receipt['key_id']}) and the version",
        f"recorded interactions: its id became the hash in {receipt['interactions']['renamed']} records",
        "not ours to erase: backups, log files, whatever else reads the topics",
    ]
    return "\n\n".join(parts)
