"""The command line of an options class: names, defaults, limits and nested classes."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from workers.cli.options import command_options
from workers.evaluator.options import EvaluatorOptions
from workers.indexer.config import Capacity, IndexerOptions, decoders_for
from workers.recorder.options import RecorderOptions
from workers.server.options import ServerOptions
from workers.server.policy import Policy


@dataclass(frozen=True)
class Oven:
    """Has a field that is not on the command line."""

    degrees: Annotated[int, typer.Option("--heat", min=50, max=250, help="Degrees Celsius.")] = 180
    weight: float = 9.5


@dataclass(frozen=True)
class Bake:
    """Fields of every kind."""

    cakes: Annotated[int, typer.Option(min=1, help="How many.")] = 1
    oven: Oven = Oven(weight=2.5)
    names: Annotated[tuple[str, ...], typer.Option("--name", help="Whose.")] = ("Ann",)
    turns: Annotated[tuple[float, ...], typer.Option(min=1, max=60, help="Minutes.")] = (10.0, 20.0)
    fan: Annotated[bool, typer.Option("--fan/--no-fan", help="With air.")] = True
    shape: Annotated[Literal["round", "square"], typer.Option(help="Of the tin.")] = "round"
    note: Annotated[str | None, typer.Option(help="For the baker.")] = None

    def __post_init__(self) -> None:
        if self.cakes == 13:
            raise ValueError("not thirteen")


def parsed(*arguments: str, status: int = 0) -> object:
    """The options that `bake ARGUMENTS` gets, or the message with which it ends."""
    got: list[object] = []
    app = typer.Typer()

    @app.command()
    @command_options
    def bake(context: typer.Context, options: Bake, loud: bool = False) -> None:
        assert context.info_name == "bake"
        got.append((options, loud))

    ended = CliRunner().invoke(app, list(arguments))
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == status, ended.output
    return got[0] if got else " ".join(ended.output.replace("│", " ").split())


def test_defaults() -> None:
    """Without arguments the class has its own defaults, nested ones and those off the command line too."""
    assert parsed() == (Bake(), False)


def test_every_kind_of_field() -> None:
    """Each option sets its field, in the nested class too; other parameters of the command stay as they are."""
    arguments = "--cakes 3 --heat 200 --name Bo --name Cy --turns 1,2.5, --no-fan --shape square --note hot --loud"
    oven = Oven(degrees=200, weight=2.5)
    expected = Bake(3, oven, ("Bo", "Cy"), (1.0, 2.5), fan=False, shape="square", note="hot")
    assert parsed(*arguments.split()) == (expected, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cakes", "0"), "--cakes"),
        (("--heat", "251"), "--heat"),
        (("--turns", "5,61"), "numbers between 1 and 60, with commas between them"),
        (("--turns", "5;6"), "--turns"),
        (("--turns", "nan"), "--turns"),
        (("--shape", "oval"), "--shape"),
        (("--oven", "1"), "No such option"),
        (("--weight", "1"), "No such option"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], message: str) -> None:
    """They end the command with exit status 2 and the option's name."""
    assert message in str(parsed(*arguments, status=2))


def test_what_the_class_refuses_is_the_commands_error() -> None:
    """Its own exception arrives as it was raised."""
    with pytest.raises(ValueError, match="not thirteen"):
        parsed("--cakes", "13")


@pytest.mark.parametrize("kind", [IndexerOptions, RecorderOptions, EvaluatorOptions, ServerOptions])
def test_an_empty_command_line_is_the_service_as_it_is(kind: type) -> None:
    """Each options class can be made without arguments, and that is what its service gets by default."""
    got: list[object] = []

    def run(options: object) -> None:
        got.append(options)

    run.__annotations__["options"] = kind
    app = typer.Typer()
    app.command()(command_options(run))
    assert CliRunner().invoke(app, []).exit_code == 0
    assert got == [kind()]


def test_no_decoders_is_the_default_of_the_machine() -> None:
    """A number is taken as it is; 0 and nothing are one for every two cores, within bounds."""
    assert (Capacity(decoders=5).decoders, decoders_for(1), decoders_for(64)) == (5, 2, 8)
    assert Capacity(decoders=0) == Capacity()
    assert Capacity().decoders > 0


def test_the_policy_of_a_server() -> None:
    """A shelf is never longer than the server allows, and the very same picture is shown once unless asked for."""
    options = ServerOptions()
    assert Policy.by_default(options.shelf, options.limits.most) == Policy()
    assert Policy.by_default(options.shelf, 4).k == 4
