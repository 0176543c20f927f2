"""The commands of the program by name, each imported when it is asked for: a start takes 0.1 s less."""

from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class Commands(MutableMapping[str, Any]):
    """What typer looks commands up in; their names are known before any of them is imported."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """`places`: for each name where it is defined, as `module:attribute` of `workers.cli`."""
        self._places = dict(places)

    def __getitem__(self, name: str) -> Any:
        """The command. Raises KeyError where there is none of this name."""
        return _command(name, self._places[name])

    def __setitem__(self, name: str, place: str) -> None:
        """Say where the command `name` is defined."""
        self._places[name] = place

    def __delitem__(self, name: str) -> None:
        """Forget a command."""
        del self._places[name]

    def __iter__(self) -> Iterator[str]:
        """The names, in the order in which the help shows them."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)


def program_of(places: Mapping[str, str]) -> type[TyperGroup]:
    """The class of a program that has these commands; typer is given it as `cls`."""

    class Program(TyperGroup):
        def __init__(self, **chosen: Any) -> None:
            super().__init__(**{**chosen, "commands": Commands(places)})

    return Program


@cache
def _command(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"workers.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
