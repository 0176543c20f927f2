"""An atomic write leaves the new content or the old, nothing beside it, and is flushed if it is durable."""

import os
import re
from pathlib import Path

import pytest

from workers.process import atomic_write

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("durable", [True, False])
def test_text_replaces_the_old_file(tmp_path: Path, *, durable: bool) -> None:
    """Written as UTF-8, whatever the locale is."""
    path = tmp_path / "a.json"
    atomic_write.write_text(path, "old", durable=durable)
    atomic_write.write_text(path, "новый", durable=durable)
    assert path.read_bytes() == "новый".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path) -> None:
    """And no half of the new one."""
    path = tmp_path / "a.npz"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write.new_file(path, durable=False) as new:  # noqa: PT012
        new.write_text("half")
        assert (new.suffix, new.name[0]) == (".npz", ".")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_a_folder_replaces_the_old_folder(tmp_path: Path) -> None:
    """With nothing of the old one in it."""
    path = tmp_path / "model"
    for name in ("old", "new"):
        with atomic_write.new_folder(path, durable=True) as new:
            (new / "deep").mkdir()
            (new / "deep" / name).write_text(name)
    assert [each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file()] == [
        "model/deep/new"
    ]


def test_a_folder_whose_block_raises_leaves_the_old_folder(tmp_path: Path) -> None:
    """And no half of the new one."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_write.new_folder(path, durable=False):
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert (path / "old").exists()


def test_a_durable_write_flushes_the_file_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; a write that is not durable flushes nothing."""
    steps, rename = list[str](), Path.replace

    def recorded_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    def recorded_fsync(path: Path) -> None:
        steps.append("folder" if path.is_dir() else "file")

    monkeypatch.setattr(atomic_write, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_rename)
    atomic_write.write_text(tmp_path / "a", "", durable=True)
    assert steps == ["file", "rename", "folder"]
    steps.clear()
    atomic_write.write_text(tmp_path / "a", "", durable=False)
    assert steps == ["rename"]


def test_the_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """A report or a ready file is read by other users' processes."""
    (tmp_path / "plain").touch()
    atomic_write.write_text(tmp_path / "atomic", "", durable=False)
    assert os.stat(tmp_path / "atomic").st_mode == os.stat(tmp_path / "plain").st_mode  # noqa: PTH116


def test_nobody_else_writes_and_renames() -> None:
    """So that what a crash leaves is decided in one place."""
    by_hand = re.compile(r"os\.(replace|rename|fsync)\(|\.with_suffix\(\"\.(new|part|tmp)|\w\.replace\((path|file)\)")
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("lookalike", "schemas", "streams", "workers")
        for path in (ROOT / package).rglob("*.py")
        if by_hand.search(path.read_text())
    }
    # The list of erased requests is appended to, line by line.
    assert found <= {"workers/process/atomic_write.py", "workers/interactions/erasure_list.py"}
