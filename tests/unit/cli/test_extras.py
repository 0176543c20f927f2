"""The extras of the package: each command needs only its own, and says which one is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.cli.extras import _declared, _extras

EXTRAS = _extras(_declared())
WITHOUT = """
import sys
from importlib.machinery import PathFinder

missing, found = set(sys.argv.pop(1).split(",")), PathFinder.find_spec
PathFinder.find_spec = lambda name, *where: None if name.partition(".")[0] in missing else found(name, *where)
"""
PROGRAM = "from workers.cli import main; main()"
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


def without_extras(code: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `code` in a Python without the libraries of any extra, and without servers."""
    servers = {"LOOKALIKE_KAFKA": "127.0.0.1:1", "LOOKALIKE_MILVUS": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT + code, ",".join((*EXTRAS, "sklearn")), *arguments],
        env=os.environ | servers | {"LOOKALIKE_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_extra_is_found() -> None:
    """Their names come from the package's own metadata."""
    assert set(EXTRAS.values()) == {"local", "serve", "evaluation"}


def test_an_index_worker_needs_no_extra(tmp_path: Path) -> None:
    """Neither Java nor Milvus Lite, no plots, no data frames."""
    ended = without_extras(INDEX_WORKER, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("up", "local"),
        ("serve", "serve"),
        ("worker record", "evaluation"),
        ("worker evaluate", "evaluation"),
        ("evaluate", "evaluation"),
    ],
)
def test_the_missing_extra_is_named(arguments: str, extra: str, tmp_path: Path) -> None:
    """In one line, with what to install."""
    ended = without_extras(PROGRAM, *arguments.split(), folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"pip install 'lookalike[{extra}]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("arguments", "status"), [("--help", 0), ("status", 3), ("lag", 3), ("neighbors a", 3)])
def test_other_commands_need_none(arguments: str, status: int, tmp_path: Path) -> None:
    """They do what they do with all extras: here there is no server to ask."""
    ended = without_extras(PROGRAM, *arguments.split(), folder=tmp_path)
    assert ended.returncode == status, ended.stderr
