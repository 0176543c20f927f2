"""The local broker's jars are those that are pinned, byte for byte, or none."""

import hashlib
import re
from pathlib import Path

import pytest

from streams.errors import LookalikeError
from streams.settings import Settings
from workers.local import jars


def test_what_runs_is_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that the tests' own broker runs from has each of them, and nothing else."""
    wanted = jars.pinned()
    assert f"kafka_2.13-{jars.VERSION}.jar" in wanted
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in wanted.values())
    assert jars.differences(jars.jars(Settings()), wanted) == ""


def test_differences_are_named(tmp_path: Path) -> None:
    """What is missing, what is too much, and what has one byte that is another."""
    for name, content in (("right.jar", b"right"), ("changed.jar", b"wronG"), ("more.jar", b"more")):
        (tmp_path / name).write_bytes(content)
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in (("right.jar", b"right"), ("changed.jar", b"wrong"), ("gone.jar", b""))
    }
    assert jars.differences(tmp_path, digests) == (
        "missing: gone.jar; not expected: more.jar; of another content: changed.jar"
    )


def test_others_are_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a repository gives in place of a pinned jar leaves nothing behind that a later start would take."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jars, "pinned", lambda: {"another.jar": "0" * 64})
    with pytest.raises(LookalikeError, match=r"Apache Kafka .* is another \(missing: another.jar; not expected: "):
        jars.jars(Settings())
    assert not list((tmp_path / "lookalike" / "kafka").glob("[!l]*"))
