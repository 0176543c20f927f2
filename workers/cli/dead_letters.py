"""`lookalike dead-letters`: look at what could not be done, and put it back."""

import base64
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import BadMessage, LookalikeError, NotFound, ServiceUnavailable, UsageError
from streams.terminal_text import cell
from workers.cli.output import JsonOption, Page, Progress, settings_of, show, table

if TYPE_CHECKING:
    from streams.dead_letters import StoredDeadLetter

app = typer.Typer(help="Messages that could not be done: list, show, put back.", no_args_is_help=True)

_SHOWN_BYTES = 4_096
"""Of a value, without `--full`."""
_LINE = 1_000
"""Characters of one line about a letter."""
ReasonOption = Annotated[str | None, typer.Option(help="Only letters of this reason.")]


@app.command("list")
def list_letters(
    context: typer.Context,
    reason: ReasonOption = None,
    still_open: Annotated[
        bool, typer.Option("--open", help="Only those whose listing the index does not have at that version yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Count the dead letters by reason, and show the newest.

    Example: lookalike dead-letters list --reason image-missing --open
    """
    from workers.operations.dead_letters import find, put_back_since

    settings = settings_of(context)
    found = find(settings, reason=reason, still_open=still_open, limit=limit)
    since = put_back_since(settings, found.newest)
    rows = [each.row() | {"replayed": since.get(each.location)} for each in found.newest]
    counts = dict(found.by_reason.most_common())

    def page() -> Page:
        if not found.count:
            return "no dead letters"
        shown: list[tuple[object, ...]] = [
            (
                letter.location,
                row["key"],
                row["reason"],
                row["attempts"],
                row["at"],
                row["replayed"],
                str(row["error"])[:80],
            )
            for letter, row in zip(found.newest, rows, strict=True)
        ]
        heads = ("first source", "key", "reason", "attempts", "at", "replayed", "error")
        return [table(("reason", "count"), list(counts.items())), table(heads, shown)]

    show({"count": found.count, "by_reason": counts, "letters": rows}, as_json=as_json, page=page)


@app.command("show")
def show_letter(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET of its first source, or a listing's id.")],
    full: Annotated[bool, typer.Option("--full", help="Print the whole value, however long.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one letter with its raw bytes and its image addresses; by listing id, the newest of that listing.

    For people the first 4,096 bytes of the value, as long as --full is not given; --json has all of them.

    Example: lookalike dead-letters show listing-updated:3:1017
    """
    from streams.dead_letters import read_dead_letters
    from streams.record_headers import shown

    found = max(
        (each for each in read_dead_letters(settings_of(context)) if source in (each.location, _text(each.record.key))),
        key=lambda each: each.record.source.timestamp,
        default=None,
    )
    if found is None:
        raise NotFound(f"there is no dead letter of {source}; `lookalike dead-letters list` shows what there is")
    letter, value = found, found.record.value
    images = _images(letter)
    document: dict[str, Any] = {
        **letter.row(),
        "worker": letter.dead_letter.worker,
        "model": letter.dead_letter.model,
        "value_sha256": letter.value_hash,
        "headers": [{"name": shown(name), **_readable(content)} for name, content in letter.event.headers],
        "images": images,
        "left_out": letter.left_out,
        "value": None if value is None else _utf8(value),
        "value_base64": None if value is None else base64.b64encode(value).decode(),
    }

    def page() -> Page:
        hidden = ("headers", "images", "value", "value_base64")
        head = [f"{name:>10}  {cell(content, _LINE)}" for name, content in document.items() if name not in hidden]
        head += [
            f"{'header':>10}  {cell(shown(name))}: {cell(_for_people(content), _LINE)}"
            for name, content in letter.event.headers
        ]
        head += [f"{'image':>10}  {cell(address, _LINE)}" for address in images]
        return "\n".join([*head, "", *_body(value, None if full else _SHOWN_BYTES)])

    show(document, as_json=as_json, page=page)


@app.command()
def replay(
    context: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC:PARTITION:OFFSET]…")] = None,
    reason: ReasonOption = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed, and send nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put letters back through listing-retry, raw as they came; of several of one event only the newest.

    Safe to repeat: an event is ordered by where it first stood, so what is indexed, or older than that, stays as it is.

    Example: lookalike dead-letters replay --reason fetch-exhausted --dry-run
    """
    from streams.dead_letters import newest_dead_letters
    from streams.replay import replay as replay_letters

    if sum(map(bool, (places, reason, every))) != 1:
        raise UsageError("give one of: TOPIC:PARTITION:OFFSET of one or more letters, --reason REASON, --all")
    settings, wanted, unknown = settings_of(context), set(places or ()), set(places or ())

    def asked_for(letter: "StoredDeadLetter") -> bool:
        unknown.discard(letter.location)
        return every or letter.dead_letter.reason == reason or letter.location in wanted

    chosen = newest_dead_letters(settings, asked_for)
    first = next(chosen, None)  # by then the topic was read once
    if unknown:
        line = f"there is no dead letter of {', '.join(sorted(unknown))}; nothing was replayed"
        raise NotFound(f"{line}; `lookalike dead-letters list` shows what there is")
    with Progress("letters") as progress:
        letters = chain(() if first is None else (first,), chosen)
        told = replay_letters(settings, letters, dry_run=dry_run, progress=progress.show)
    document = {**told.document(), "dry_run": dry_run}
    show(document, as_json=as_json, page=lambda: _told(document))
    if told.failed:
        message = f"{told.failed} events were not confirmed: {told.errors[0]}"
        raise LookalikeError(message) if told.refused else ServiceUnavailable(message)
    if told.not_replayable:
        raise typer.Exit(1)


def _told(document: dict[str, Any]) -> str:
    if not document["matched"]:
        return "no dead letters"
    done = "would be replayed" if document["dry_run"] else "replayed"
    number = document["matched"] - len(document["not_replayable"]) - document["failed"]
    reasons = ", ".join(f"{name} {many}" for name, many in document["by_reason"].items())
    lost = [
        f"{each['topic']}:{each['partition']}:{each['offset']} can't be replayed: {each['why']}"
        for each in document["not_replayable"]
    ]
    return "\n".join([f"{number} {done} ({reasons}), {document['failed']} failed", *lost])


def _images(letter: "StoredDeadLetter") -> list[str]:
    """The addresses of the event's pictures where it can be read, without credentials and query strings."""
    from streams.listing_codec import decode_listing
    from workers.images.displayed_urls import displayed_url

    try:
        return [_plainly(url, displayed_url) for url in decode_listing(letter.event).image_urls]
    except BadMessage:
        return []


def _plainly(url: str, shown: Any) -> str:
    try:
        return str(shown(url))
    except ValueError:
        return "(no address)"


def _body(value: bytes | None, most: int | None) -> list[str]:
    """A value for people: as text when it is UTF-8, else in base64; at most its first `most` bytes."""
    if value is None:
        return ["(null)"]
    part = value[:most]
    # The cut may be within a character, which is no reason to show base64.
    whole = part if len(part) == len(value) else part.decode("utf-8", "ignore").encode()
    text = _utf8(whole) if len(part) - len(whole) < 4 else None
    lines = [text if text is not None else base64.b64encode(part).decode()]
    if len(part) < len(value):
        lines += ["", f"the first {len(part):,} of {len(value):,} bytes; --full shows all of them, --json exactly"]
    return lines


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _readable(raw: bytes | None) -> dict[str, str | None]:
    text = None if raw is None else _utf8(raw)
    return {"value": text} if raw is None or text is not None else {"value_base64": base64.b64encode(raw).decode()}


def _for_people(raw: bytes | None) -> str:
    if raw is None:
        return "(null)"
    text = _utf8(raw)
    return text if text is not None else f"base64 {base64.b64encode(raw).decode()}"


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
