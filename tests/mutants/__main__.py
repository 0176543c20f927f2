"""The suite is tested by sabotage: `python -m tests.mutants [--only WORDS]`.

Each mutant is the tree with a few words changed for the worse, in a temporary folder; a test named beforehand must
turn red there, and be green on the tree as it is. Exit 1 where one survives, or can't be made any more.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .sabotages import MUTANTS, Mutant
from .tree import ROOT, NotApplied, copy_tree, sabotaged

_SECONDS = 300.0
_FAILED = re.compile(r"\b[1-9]\d* failed")


def main() -> None:
    """Make every mutant, run its tests, and print what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="those whose name contains this")
    chosen = parser.parse_args()
    mutants = [each for each in MUTANTS if chosen.only in each.name]
    if not mutants:
        parser.error(f"no mutant is called {chosen.only!r}")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy_tree(ROOT, tree)
        named = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
        started = time.monotonic()
        code, said = _run(tree, named)
        _say("no mutant", "green" if code == 0 else "RED", time.monotonic() - started, f"{len(named)} named tests")
        if code:
            sys.exit(f"the named tests must be green on the tree as it is:\n{said}")
        survived = [mutant.name for mutant in mutants if not _turns_red(tree, mutant)]
    if survived:
        sys.exit(f"survived: {', '.join(survived)}")


def _turns_red(tree: Path, mutant: Mutant) -> bool:
    started = time.monotonic()
    try:
        with sabotaged(tree, mutant):
            code, said = _run(tree, mutant.tests)
    except NotApplied as reason:
        _say(mutant.name, "NOT MADE", 0.0, str(reason))
        return False
    # Red is a test that failed, not a tree that can't be imported.
    red = code == 1 and _FAILED.search(said) is not None
    _say(mutant.name, "red" if red else "SURVIVED", time.monotonic() - started, ", ".join(mutant.tests))
    if code not in (0, 1):
        sys.stdout.write(said + "\n")
    return red


def _run(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """The exit status of pytest on these tests in that tree, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "FAULTS_SEED": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", *tests]
    ended = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return ended.returncode, ended.stdout[-4_000:] + ended.stderr[-1_000:]


def _say(name: str, what: str, seconds: float, tests: str) -> None:
    width = shutil.get_terminal_size((140, 24)).columns
    sys.stdout.write(f"{name:52} {what:9} {seconds:6.1f} s  {tests}"[: max(width, 140)] + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
