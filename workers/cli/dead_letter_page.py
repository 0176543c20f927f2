"""One dead letter as a document, and as a page for people."""

import base64
from collections.abc import Callable
from typing import Any

from streams.dead_letters import StoredDeadLetter
from streams.errors import BadMessage
from streams.terminal_text import cell
from workers.cli.output import Page

_SHOWN_BYTES = 4_096
"""Of a value, without `--full`."""
_LINE = 1_000
"""Characters of one line about a dead letter."""
_NOT_IN_THE_HEAD = ("headers", "images", "value", "value_base64")


def dead_letter_document(dead_letter: StoredDeadLetter) -> dict[str, Any]:
    """Everything that is known of a dead letter, its value exactly."""
    from streams.record_headers import shown

    value = dead_letter.record.value
    return {
        **dead_letter.row(),
        "worker": dead_letter.dead_letter.worker,
        "model": dead_letter.dead_letter.model,
        "value_sha256": dead_letter.value_hash,
        "headers": [{"name": shown(name), **_readable(content)} for name, content in dead_letter.event.headers],
        "images": _images(dead_letter),
        "left_out": dead_letter.left_out,
        "value": None if value is None else _utf8(value),
        "value_base64": None if value is None else base64.b64encode(value).decode(),
    }


def dead_letter_page(dead_letter: StoredDeadLetter, document: dict[str, Any], *, full: bool) -> Page:
    """The same for people; of the value at most 4,096 bytes unless `full`."""
    from streams.record_headers import shown

    head = [f"{name:>10}  {cell(content, _LINE)}" for name, content in document.items() if name not in _NOT_IN_THE_HEAD]
    head += [
        f"{'header':>10}  {cell(shown(name))}: {cell(_for_people(content), _LINE)}"
        for name, content in dead_letter.event.headers
    ]
    head += [f"{'image':>10}  {cell(address, _LINE)}" for address in document["images"]]
    return "\n".join([*head, "", *_body(dead_letter.record.value, None if full else _SHOWN_BYTES)])


def _images(dead_letter: StoredDeadLetter) -> list[str]:
    """The addresses of the event's pictures if it can be read, without credentials and query strings."""
    from streams.listing_codec import decode_listing
    from workers.images.displayed_urls import displayed_url

    try:
        return [_address(url, displayed_url) for url in decode_listing(dead_letter.event).image_urls]
    except BadMessage:
        return []


def _address(url: str, displayed: Callable[[str], str]) -> str:
    try:
        return displayed(url)
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
