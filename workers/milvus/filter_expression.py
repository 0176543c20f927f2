"""A filter expression that somebody else wrote, as one operand of ours. Pure."""

import re

from streams.errors import BadMessage

LONGEST = 10_000
"""Characters; an expression of a person, and of a program, is far shorter."""
DEEPEST = 100
"""Brackets inside each other; the servers' parsers recurse."""
_PAIRS = {")": "(", "]": "[", "}": "{"}
_TOKEN = re.compile(
    r"""
      (?P<text> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<quote> ["'] )
    | (?P<number> (?<![\w.]) (?: 0[xX][0-9a-fA-F]+ | [0-9]+ ) (?![\w.]) )
    | (?P<bracket> [()\[\]{}] )
    | (?P<control> [\x00-\x08\x0b\x0c\x0e-\x1f\x7f] )
""",
    re.VERBOSE | re.DOTALL,
)


def enclosed(expression: str) -> str:
    """`expression` in brackets that nothing in it can close.

    Raises BadMessage (row-rejected) for brackets and quotes that don't match, whole numbers beyond 64 bits, control
    characters, and what is too long or too deep: some of it changes what stands beside it, some ends a server.

    >>> enclosed('brand == "a)b"')
    '(brand == "a)b")'
    """
    if not expression.strip():
        raise _unusable("it is empty")
    if len(expression) > LONGEST:
        raise _unusable(f"it has {len(expression):,} characters, more than {LONGEST:,}")
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(expression):
        kind, words, place = token.lastgroup, token.group(), token.start() + 1
        if kind == "quote":
            raise _unusable(f"the text that begins at character {place} has no end")
        if kind == "control":
            raise _unusable(f"it has a control character, {words!r}, at character {place}")
        if kind == "number" and int(words, 0 if words[:2].lower() == "0x" else 10) > 2**63 - 1:
            raise _unusable(f"{words[:40]}, at character {place}, is beyond 64 bits")
        if kind == "bracket":
            _count(open_brackets, words, place)
    if open_brackets:
        raise _unusable(f"{len(open_brackets)} of its brackets have no end, the last of them {open_brackets[-1]}")
    return f"({expression})"


def _count(open_brackets: list[str], bracket: str, place: int) -> None:
    if bracket not in _PAIRS:
        open_brackets.append(bracket)
        if len(open_brackets) > DEEPEST:
            raise _unusable(f"more than {DEEPEST} brackets stand inside each other")
    elif not open_brackets or open_brackets.pop() != _PAIRS[bracket]:
        raise _unusable(f"the {bracket} at character {place} closes nothing")


def _unusable(why: str) -> BadMessage:
    return BadMessage("row-rejected", f"the filter can't be used: {why}")
