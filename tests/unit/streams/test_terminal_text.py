"""Nothing that outsiders wrote moves a cursor, turns a line around, hides, or fills a terminal."""

import json
import unicodedata

import pytest

from streams.terminal_text import CELL, cell, escaped_json, visible
from workers.cli.dead_letter_page import _body, _for_people
from workers.cli.output import plain_text, say, show, table

UNSEEN = [
    *map(chr, [*range(0x20), *range(0x7F, 0xA0)]),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\u200b\u200c\u200d\ufeff\u2060\u00ad",
    *"\udc80\ud800\U000e0041\u3164\u115f\ue000",
]


@pytest.mark.parametrize("each", UNSEEN, ids=ascii)
def test_made_visible(each: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each becomes an escape in a table's cell, a page and a line on stderr; JSON has it exactly, as an escape."""
    assert plain_text(table(("key",), [(f"a{each}b",)])).split("\n")[1] == f"a{each.encode('unicode_escape').decode()}b"
    show({"key": f"a{each}b"}, as_json=True, page=str)
    shown = capsys.readouterr().out.rstrip("\n")
    assert json.loads(shown) == {"key": f"a{each}b"}
    assert each not in shown
    if each not in "\n\t":
        show({}, as_json=False, page=lambda: f"a{each}b")
        say(f"a{each}b")
        out, err = capsys.readouterr()
        assert each not in out + err


def test_every_category() -> None:
    """No character at all of the categories that are not for eyes passes, whatever Unicode adds to them."""
    passed = [
        each
        for each in map(chr, range(0x110000))
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each in visible(each, keep="")
    ]
    assert not passed


@pytest.mark.parametrize("text", ["Fahrrad – 28″", "自転車\u3000赤", "دراجة", "à ❤️", "a\u00a0b"])
def test_text_stays(text: str) -> None:
    """Letters of every script, spaces of every width and combining marks are shown as they are."""
    assert visible(text) == cell(text) == escaped_json(text) == text


def test_cells_are_capped() -> None:
    """One key of half a million characters widens no row beyond the limit, whatever its escapes add."""
    page = plain_text(table(("key", "n"), [("k" * 500_000, 1), ("\x1b" * 500_000, 2), ("short", 3)]))
    assert max(map(len, page.split("\n"))) <= CELL + 3
    assert "short" in page


def test_values_are_cut() -> None:
    """A value says how many of its bytes are shown; a cut within a character is no reason for base64."""
    value = ("ä" * 5_000).encode()
    text, _, said = _body(value, 4_095)
    assert text == "ä" * 2_047
    assert said.startswith("the first 4,095 of 10,000 bytes; --full")
    assert _body(value, None) == ["ä" * 5_000]
    assert _body(b"\xff" * 10, 4)[0] == "/////w=="
    assert _body(None, 4) == ["(null)"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"abc", "abc"), (b"", ""), (None, "(null)"), (b"\xff{", "base64 /3s="), (b"{'a': 1}", "{'a': 1}")],
)
def test_a_header_is_text_or_base64(raw: bytes | None, shown: str) -> None:
    """Of a dead letter, for people; --json says which of the two it is by its fields."""
    assert _for_people(raw) == shown


def test_values_of_several_parts_are_in_words() -> None:
    """Whatever a page is given, no cell is in the notation of Python."""
    assert cell({"tags": ("a", "b"), "new": True, "size": None, "none": {}}) == "tags=a, b, new=yes, size=–, none=–"
    assert cell([]) == cell(()) == cell({}) == cell(None) == "–"
    assert plain_text(table(("n", "new"), [(1, False)])).split("\n")[1].split() == ["1", "no"]
