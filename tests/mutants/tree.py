"""A copy of the tree, and a sabotage in it that is taken back afterwards."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .sabotages import Edit, Mutant

ROOT = Path(__file__).parents[2]
_PARTS = (
    "lookalike",
    "schemas",
    "streams",
    "workers",
    "tests",
    "pyproject.toml",
    "Makefile",
    "docs",
    "deploy",
    "LICENSE",
    "NOTICE",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".ci",
    ".github",
    ".pre-commit-config.yaml",
)


class NotApplied(Exception):
    """The place that a sabotage changes is not there any more, or there twice."""


def copy_tree(root: Path, to: Path) -> None:
    """What tests need of the tree."""
    for part in _PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, to / part)


def edited(text: str, edit: Edit) -> str:
    """`text` with the edit made; raises NotApplied where its place is not there exactly once."""
    found = text.count(edit.old)
    if found != 1:
        raise NotApplied(f"{edit.file} has {found} of the one place {edit.old.strip()[:60]!r}")
    return text.replace(edit.old, edit.new)


@contextlib.contextmanager
def sabotaged(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The tree with the mutant's edits, for the time of the block."""
    before = {edit.file: (tree / edit.file).read_text() for edit in mutant.edits}
    try:
        for edit in mutant.edits:
            file = tree / edit.file
            file.write_text(edited(file.read_text(), edit))
        yield
    finally:
        for name, text in before.items():
            (tree / name).write_text(text)
