"""What we write nobody else reads."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.file_permissions import keep_private
from workers.cli.program import app


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """The tests' own, before and after."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_closed(tmp_path: Path) -> None:
    """New files are 0600, new folders 0700, and a data folder of looser mode is closed."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    keep_private(data)
    (data / "evidence.sqlite").touch()
    (data / "logs").mkdir()
    assert (_mode(data), _mode(data / "evidence.sqlite"), _mode(data / "logs")) == (0o700, 0o600, 0o700)


def test_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home folder, a shared one and one that is missing stay as they are."""
    home, shared = tmp_path / "home", tmp_path / "shared"
    home.mkdir(mode=0o755)
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("HOME", str(home))
    for each in (home, shared, tmp_path / "missing"):
        keep_private(each)
    assert (_mode(home), _mode(shared)) == (0o755, 0o1777)


def test_by_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command begins with it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["--data", str(data), "schema", "listing-created"]).exit_code == 0
    assert _mode(data) == 0o700
    assert os.umask(0o077) == 0o077
