"""The extras of the package: each command needs only its own, and says which one is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.cli.extras import _declared, _extras

EXTRAS = _extras(_declared())
WITHOUT_EXTRAS = """
import sys
from importlib.machinery import PathFinder

missing, found = set(sys.argv[1].split(",")), PathFinder.find_spec
PathFinder.find_spec = lambda name, *where: None if name.partition(".")[0] in missing else found(name, *where)
"""
INDEX_WORKER = """
import importlib, pkgutil

for room in ("schemas", "streams", "workers.process", "workers.images", "workers.models", "workers.milvus",
             "workers.indexer"):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
import transformers.models.siglip.modeling_siglip
"""
COMMANDS = """
import contextlib, io, json
from workers.cli import main

ends = {}
for command in sys.argv[2:]:
    sys.argv = ["lookalike", *command.split()]
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            ends[command] = (end.code, errors.getvalue())
print(json.dumps(ends))
"""
NEEDS = {
    "up": "local",
    "serve": "serve",
    "worker record": "evaluation",
    "worker evaluate": "evaluation",
    "evaluate": "evaluation",
}
NEEDS_NONE = {"--help": 0, "status": 3, "lag": 3, "neighbors a": 3}
"""With the exit status that they have where no server answers."""


def without_extras(code: str, *arguments: str, folder: Path) -> str:
    """What `code` prints in a Python without the libraries of any extra, and without servers."""
    servers = {"LOOKALIKE_KAFKA": "127.0.0.1:1", "LOOKALIKE_MILVUS": "http://127.0.0.1:1"}
    # scikit-learn is of the tests alone; transformers imports it where it is installed, and it imports SciPy.
    missing = ",".join((*EXTRAS, "sklearn"))
    ended = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_EXTRAS + code, missing, *arguments],
        env=os.environ | servers | {"LOOKALIKE_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit status and errors of all commands, which one process runs in turn."""
    ends: dict[str, tuple[int, str]] = json.loads(
        without_extras(COMMANDS, *NEEDS, *NEEDS_NONE, folder=tmp_path_factory.mktemp("data"))
    )
    return ends


def test_every_extra_is_found() -> None:
    """Their names come from the package's own metadata."""
    assert set(EXTRAS.values()) == {"local", "serve", "evaluation"}


def test_an_index_worker_needs_no_extra(tmp_path: Path) -> None:
    """Neither Java nor Milvus Lite, and no data frames."""
    without_extras(INDEX_WORKER, folder=tmp_path)


@pytest.mark.parametrize(("command", "extra"), NEEDS.items())
def test_the_missing_extra_is_named(ends: dict[str, tuple[int, str]], command: str, extra: str) -> None:
    """In one line, with what to install."""
    status, errors = ends[command]
    assert status == 2
    assert f"pip install 'lookalike[{extra}]'" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("command", "status"), NEEDS_NONE.items())
def test_other_commands_need_none(ends: dict[str, tuple[int, str]], command: str, status: int) -> None:
    """They do what they do with all extras."""
    assert ends[command][0] == status, ends[command][1]
