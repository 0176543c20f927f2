"""File descriptors at the start of `serve`: the limit is raised as far as may be, else the start is refused."""

import subprocess
import sys

import pytest

CODE = """
import resource, sys
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from streams.errors import LookalikeError
from workers.process.exit_status import exit_status
from workers.server.file_descriptors import slots_for
try:
    print(slots_for(1_000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except LookalikeError as refused:
    print(refused)
    sys.exit(exit_status(refused))
"""


def _at(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    """What a process of its own says that has these limits."""
    return subprocess.run(
        [sys.executable, "-c", CODE, str(soft), str(hard)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("soft", "hard", "places"), [(64, 4_096, range(1_000, 1_001)), (256, 256, range(100, 160))])
def test_raised_as_far_as_may_be(soft: int, hard: int, places: range) -> None:
    """A low soft limit costs no visitor his place; within a low hard one there are fewer places, and room besides."""
    ended = _at(soft, hard)
    assert ended.returncode == 0, ended.stderr
    given, limit = map(int, ended.stdout.split())
    assert given in places
    assert limit == hard


def test_refused_when_it_can_serve_nobody() -> None:
    """Exit 1, with the number and the remedy."""
    ended = _at(100, 100)
    assert ended.returncode == 1, ended.stderr
    assert "may open 100 files" in ended.stdout
    assert "ulimit -n" in ended.stdout
