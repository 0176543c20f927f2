"""A filter that somebody wrote stays one operand of ours, or is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import BadMessage
from workers.milvus.filter_expression import DEEPEST, LONGEST, enclosed
from workers.milvus.neighbors import SearchOptions


@pytest.mark.parametrize(
    "expression",
    [
        'brand == "a)b"',
        "brand == 'it\\'s ) or ('",
        'attributes["size"] in ["41", "42"]',
        "price_minor < 5000",
        "price_minor < 9223372036854775807",
        "price_minor > -1 and (version > 0x10 or version < 2)",
        'json_contains(attributes["tags"], "(")',
        'title like "%[%"',
        "title\n==\t'two lines'",
        "listed_at > 1.5e300",
    ],
)
def test_what_is_well_formed_is_taken(expression: str) -> None:
    """Brackets within texts are no brackets."""
    assert enclosed(expression) == f"({expression})"
    assert SearchOptions(expression=expression).filter() == f'status == "on_sale" and ({expression})'


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("true) or (true", r"the \) at character 5 closes nothing"),
        ("brand in ['a')", r"the \) at character 14 closes nothing"),
        ("a == 1]", r"the \] at character 7 closes nothing"),
        ("(a == 1", r"1 of its brackets have no end, the last of them \("),
        ('brand == "a', "text that begins at character 10 has no end"),
        ("brand == 'a\\'", "text that begins at character 10 has no end"),
        ("brand == 'a\n'", "text that begins at character 10 has no end"),
        ("price_minor < 9223372036854775808", "beyond 64 bits"),
        ("price_minor < 0x8000000000000000", "beyond 64 bits"),
        ("price_minor < 1" + "0" * 4_000, "beyond 64 bits"),
        ("a == 1\x00", "control character"),
        ("   ", "it is empty"),
        ("(" * (DEEPEST + 1) + "true" + ")" * (DEEPEST + 1), "brackets stand inside each other"),
        ("a == 1 or " * 1_001, f"more than {LONGEST:,}"),
    ],
)
def test_what_would_break_out_is_refused(expression: str, said: str) -> None:
    """Before a server sees it, for the servers differ in what they make of it."""
    with pytest.raises(BadMessage, match=f"the filter can't be used: .*{said}"):
        SearchOptions(expression=expression).filter()


@given(st.text("()[]\"'\\ a1", max_size=30))
def test_nothing_closes_our_bracket(expression: str) -> None:
    """Whatever is taken closes the bracket that we opened with its very last character."""
    try:
        taken = enclosed(expression)
    except BadMessage:
        return
    depth, quote, escaped = 0, "", False
    for place, character in enumerate(taken):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "([") - (character in ")]")
        assert (depth == 0) is (place == len(taken) - 1) or quote
