"""`lookalike takedown`: hide a listing, a seller or a picture from every answer, or show it again."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.takedown import Kind
from streams.errors import UsageError
from streams.settings import Settings
from workers.cli.output import JsonOption, Page, settings_of, show, table

_HASH = re.compile(r"[0-9a-f]{64}")


def takedown(
    context: typer.Context,
    listing: Annotated[str | None, typer.Option(help="The id of a listing to take down.")] = None,
    seller: Annotated[str | None, typer.Option(help="The id of a seller: all of their listings.")] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="HASH|FILE", help="A picture file, or its image_hash: all listings that show it."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the takedown: it may be shown again.")] = False,
    reason: Annotated[str, typer.Option(help="Why it is taken down; recorded with the takedown.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="List what is taken down now.")] = False,
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
        raise UsageError("give one of: --listing ID, --seller ID, --image HASH|FILE, --list")
    if listed:
        _list(settings, as_json=as_json)
        return
    kind, value = given[0]
    value = _image_hash(value) if kind == "image" else value
    if not value or not value.isprintable() or len(value) > (128 if kind != "image" else 64):
        raise UsageError(f"--{kind}: 1 to 128 visible characters")
    from workers.operations.takedown import take_down
    from workers.operations.takedown import undo as undo_takedown

    document: dict[str, Any] = {"kind": kind, "value": value, "undone": undo}
    if undo:
        document["put_back"] = undo_takedown(settings, kind, value)
        line = f"{kind} {value} may be shown again; {document['put_back']} listings will be indexed again"
    else:
        entry = take_down(settings, kind, value, reason)
        document |= {"at": entry.at.isoformat(timespec="seconds"), "reason": reason}
        line = f"{kind} {value} is taken down: out of every answer within a minute"
    show(document, as_json=as_json, page=lambda: line)


def _list(settings: Settings, *, as_json: bool) -> None:
    from streams.takedowns import read_takedowns
    from workers.operations.takedown import listed

    known = read_takedowns(settings)
    entries = known.entries()
    rows = listed(entries)
    erased = len(entries) - len(rows)

    def page() -> Page:
        shown = table(("kind", "value", "at", "reason"), [tuple(each.values()) for each in rows])
        return [shown if rows else "nothing is taken down", f"{erased} listings were erased{unread}"]

    unread = f"\n{known.unread} entries can't be read: the workers' log names the first of them" if known.unread else ""
    show({"takedowns": rows, "erased": erased, "unread": known.unread}, as_json=as_json, page=page)


def _image_hash(value: str) -> str:
    if _HASH.fullmatch(value.lower()):
        return value.lower()
    from workers.images.decode import hash_images

    try:
        return hash_images([Path(value).read_bytes()])
    except OSError as error:
        raise UsageError(f"--image: {value} is no hash, and no file that can be read: {error.strerror}") from None
