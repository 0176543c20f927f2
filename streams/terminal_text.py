"""Text from outside as people may see it: what a terminal obeys, turns around or hides is written as an escape."""

import unicodedata
from collections.abc import Mapping

_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Letters and marks that take no room or show nothing, though Unicode calls them printable."""
CELL = 200
"""Characters of one cell of a table, and of one line of a page."""


def visible(text: str, *, keep: str = "\n\t") -> str:
    """`text` with control, C1, bidirectional, zero-width and lone surrogate characters as escapes, but those of `keep`.

    >>> visible("a\\x1b[2J\\u202eb\\udc80\\nc")
    'a\\\\x1b[2J\\\\u202eb\\\\udc80\\nc'
    """
    if _plain(text):
        return text
    return "".join(each if _plain(each) or each in keep else _escaped(each) for each in text)


def cell(value: object, most: int = CELL) -> str:
    """`value` in words, on one line of at most `most` characters; a longer one ends with an ellipsis.

    >>> cell("a\\nb"), cell(None), cell("x" * 5, 3), cell({"size": 26, "new": True, "tags": ["a", "b"]})
    ('a\\\\nb', '–', 'xx…', 'size=26, new=yes, tags=a, b')
    """
    shown = visible(to_text(value)[: most + 1], keep="")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def to_text(value: object) -> str:
    """A value as people read it: `–` for none, yes or no, `name=value` for what has names, commas between several."""
    if isinstance(value, str):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{to_text(name)}={to_text(each)}" for name, each in value.items()) or "–"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(to_text, value)) or "–"
    return str(value)


def escaped_json(document: str) -> str:
    """A JSON document that means exactly the same, with what a terminal obeys or hides as JSON's own escapes."""
    if _plain(document):
        return document
    return "".join(each if _plain(each) or each == "\n" else _json_escape(each) for each in document)


def _plain(text: str) -> bool:
    return (text.isprintable() or all(map(_shows, text))) and _HIDDEN.isdisjoint(text)


def _shows(each: str) -> bool:
    return each.isprintable() or unicodedata.category(each) == "Zs"  # spaces of other widths are spaces


def _escaped(each: str) -> str:
    return each.encode("unicode_escape").decode()


def _json_escape(each: str) -> str:
    units = each.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
