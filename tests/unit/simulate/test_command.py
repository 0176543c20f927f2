"""What `lookalike simulate` refuses before it does anything."""

import pytest
from typer.testing import CliRunner

from streams.errors import UsageError
from workers.cli.program import app


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (("storm",), "no scenario 'storm'"),
        (("calm", "--without", "bots,rain"), "no disturbance 'rain'"),
        (("calm", "--at", "bots"), "--at bots: NAME=NUMBER"),
        (("calm", "--size", "bots=many"), "--size bots=many: NAME=NUMBER"),
        (("--start", "soon"), "--start soon: a date"),
        (("--truth", "/nowhere/truth.json"), "--truth /nowhere/truth.json can't be written"),
        (("--interleaved", "0.7", "--randomised", "0.7"), "more than all shelves"),
    ],
)
def test_refused(wrong: tuple[str, ...], named: str) -> None:
    """With exit status 2 and the option's name."""
    ended = CliRunner().invoke(app, ["simulate", *wrong, "--no-publish"])
    assert isinstance(ended.exception, UsageError)
    assert named in str(ended.exception)
