"""The help of every command, as a newcomer reads it: each option explained in words of its own, each command shown."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
import pytest
import typer

from workers.cli.program import app

FOREIGN = re.compile(r"^(of it|of the same|likewise|the same|as above|ditto|see above)\b", re.IGNORECASE)
"""A text that can be read only after another one."""


def commands(command: Any, context: Any) -> Iterator[tuple[str, Any]]:
    """The program and, below it, every group and command, each with what a user types."""
    yield context.command_path, command
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        below = command.get_command(context, name)
        yield from commands(below, below.context_class(below, info_name=name, parent=context))


PROGRAM = typer.main.get_command(app)
COMMANDS = dict(commands(PROGRAM, PROGRAM.context_class(PROGRAM, info_name="lookalike")))


def help_of(parameter: Any) -> str:
    """The text that the help shows for an option or an argument."""
    return str(getattr(parameter, "help", None) or "")


def test_every_command_is_here() -> None:
    """The walk goes below groups: the newest command, and one of each group."""
    expected = {"", " fill-holes", " worker index", " dead-letters replay", " topics check", " models recipe", " serve"}
    assert {f"lookalike{name}" for name in expected} <= set(COMMANDS)
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_words_of_its_own(path: str) -> None:
    """No option or argument of a command without text, none explained by another's, no text twice."""
    texts = {each.name: help_of(each) for each in COMMANDS[path].params}
    without = [name for name, text in texts.items() if len(re.findall(r"\w+", text)) < 3 or FOREIGN.search(text)]
    assert not without, texts
    assert max(Counter(texts.values()).values(), default=1) == 1, texts


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_an_example(path: str) -> None:
    """One that names the command and, apart from its values, uses only what the command has."""
    command = COMMANDS[path]
    text = " ".join(f"{command.help or ''}\n{command.epilog or ''}".split())
    found = re.search(r"Example: (lookalike[^|>&]*)", text)
    assert found is not None, text
    example = found.group(1).split()
    assert " ".join(example).startswith(path)
    last = max((each for each in COMMANDS if " ".join(example).startswith(each)), key=len)
    known = {spelling for each in COMMANDS[last].params for spelling in (*each.opts, *each.secondary_opts)}
    assert {each for each in example if each.startswith("-") and each != "-"} <= known


def test_the_rules_find_what_they_are_for() -> None:
    """A text that refers to another, one that is missing."""
    option = click.Option(["--pixels"], help="Of the same.")
    assert FOREIGN.search(help_of(option))
    assert not help_of(click.Argument(["id"]))
