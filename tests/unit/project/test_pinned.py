"""What is installed or run from elsewhere is pinned by its content, not by a name that may be moved."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def test_images_are_named_by_their_digest() -> None:
    """In the compose file, but for the one that is built here; in the Dockerfile each stage is from the pinned base."""
    named = re.findall(r"^\s+image: (\S+)", (ROOT / "deploy/compose.yaml").read_text(), re.MULTILINE)
    assert len(named) >= 3
    assert [each for each in named if not _DIGEST.fullmatch(each)] == ["lookalike"]
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    [base] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", dockerfile, re.MULTILINE)
    assert _DIGEST.fullmatch(base)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("lock", ["requirements-tools.lock", "requirements.lock", "requirements-dev.lock"])
def test_every_package_is_locked_with_its_hashes(lock: str) -> None:
    """Also what installs the others: pip refuses one without a hash."""
    packages = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE).strip())
    assert packages
    assert not [each for each in packages if "==" not in each or "--hash=sha256:" not in each]


def test_nothing_is_installed_past_the_locks() -> None:
    """Each installation names a lock and demands hashes, or is of this project alone, with the tools that are there."""
    commands = [
        line
        for name in ("Makefile", "deploy/Dockerfile")
        for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        if re.search(r"\bpip install\b", line)
    ]
    assert len(commands) >= 5
    for command in commands:
        own = "--no-deps" in command and ("--no-build-isolation" in command or "hatchling build" in command)
        assert own or ("--require-hashes" in command and ".lock" in command), command
