"""What `lookalike explain` prints for people: the conclusion, then tables and fields in words."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas.currency import price
from streams.dead_letters import format_time
from streams.terminal_text import cell
from workers.cli.output import Page, fields, table, titled

if TYPE_CHECKING:
    from rich.console import RenderableType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VALUE = 500
"""Characters of one field's value: the addresses of a listing's pictures are longer than a table's cell."""
_TEXT = 90
"""Characters of a title or an error in a table."""
_STAGES = ("queue", "fetch", "decode", "encode", "upsert")


def explanation_page(found: Mapping[str, Any]) -> Page:
    """The fields of `explain --json` as one page, none of them in the notation of a programming language."""
    sections = (
        _table("events", ("place", "version", "status", "title"), found["events"], _event),
        _table(
            "outcomes",
            ("version", "outcome", "model", "encoded", "place", "visible after", "stages"),
            found["outcomes"],
            _outcome,
        ),
        _table("dead letters", ("place", "reason", "attempts", "at", "error"), found["dead_letters"], _dead_letter),
        _fields("row", found["row"]),
        _fields("tombstone", found["tombstone"]),
    )
    return [found["answer"], *filter(None, sections)]


Cells = tuple[object, ...]


def _table(
    name: str, headings: tuple[str, ...], entries: Sequence[dict[str, Any]], row: Callable[[dict[str, Any]], Cells]
) -> "RenderableType | None":
    return titled(name, table(headings, [row(each) for each in entries])) if entries else None


def _event(entry: dict[str, Any]) -> Cells:
    return entry["place"], entry["version"], cell(entry["status"], _TEXT), cell(entry["title"], _TEXT)


def _outcome(entry: dict[str, Any]) -> Cells:
    stages = [f"{name} {entry['stages_ms'][name]:,.0f}" for name in _STAGES if entry["stages_ms"][name]]
    took = f"{', '.join(stages)} ms" if stages else None
    after = f"{entry['event_to_visible_ms']:,.0f} ms"
    return entry["version"], entry["outcome"], entry["model"], entry["encoded"], entry["source"], after, took


def _dead_letter(entry: dict[str, Any]) -> Cells:
    place = f"{entry['topic']}:{entry['partition']}:{entry['offset']}"
    return place, entry["reason"], entry["attempts"], entry["at"], cell(entry["error"], _TEXT)


def _fields(name: str, stored: Mapping[str, Any] | None) -> "RenderableType | None":
    return titled(name, fields(list(_in_words(stored).items()), most=_VALUE, indent=2)) if stored else None


def _in_words(stored: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a row or a tombstone; the price with its currency and decimals, times as such, the place as one."""
    words = dict(stored)
    for name in ("listed_at", "updated_at", "indexed_at"):
        if isinstance(words.get(name), int):
            words[name] = _time(words[name])
    if isinstance(minor := words.get("price_minor"), int):
        currency = words.pop("currency", None) or ""
        words = {("price" if name == "price_minor" else name): value for name, value in words.items()}
        words["price"] = f"{price(minor, currency)} {currency}" if currency else None
    source = words.get("source")
    if isinstance(source, Mapping) and {"topic", "partition", "offset"} <= source.keys():
        at = source.get("timestamp")
        words["source"] = f"{source['topic']}:{source['partition']}:{source['offset']}" + (
            f", {format_time(at)}" if isinstance(at, int) else ""
        )
    return words


def _time(microseconds: int) -> str | int:
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:  # no row of ours has such a time
        return microseconds
