"""What the program itself answers, before any command."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.program import app

ROOT = Path(__file__).parents[3]


def test_version() -> None:
    """It is that of the package, and nothing else is read for it: wrong settings don't matter."""
    ended = CliRunner().invoke(app, ["--version"], env={"LOOKALIKE_KAFKAA": "x"})
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (ended.exit_code, ended.output) == (0, f"lookalike {declared}\n")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lookalike expl", {"explain"}),
        ("lookalike worker rec", {"record"}),
        ("lookalike dead-letters ", {"list", "show", "replay"}),
        ("lookalike lag --fail", {"--fail-above"}),
    ],
)
def test_completion(typed: str, expected: set[str]) -> None:
    """The shell is told the commands, those of a group and the options."""
    completing = {
        "_LOOKALIKE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    code = "import sys; from workers.cli import main; sys.argv[0] = 'lookalike'; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **completing}, capture_output=True, text=True, check=False
    )
    assert set(ended.stdout.split()) == expected, ended.stderr
