"""Local files that are damaged or can't be written: one line with the path and the remedy, never a traceback."""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.errors import LookalikeError
from streams.keyed_hash import key_file, read_hash_key
from streams.settings import Settings
from workers.decision.evidence_store import Store
from workers.decision.retrain_policy import FILE, folder, read_policy
from workers.interactions.erasure_list import read_erasures, record_erasure
from workers.interactions.gaps import find_gaps
from workers.interactions.layout import ERASURES, START_OFFSETS
from workers.interactions.progress import next_offsets, write_start_offset
from workers.process.exit_status import exit_status
from workers.process.ready_file import write_ready_file

NOW = datetime(2026, 11, 26, tzinfo=UTC)
DAMAGES = {"empty": b"", "garbage": b"\x00\xff\xfe" * 2_000, "list": b"[1]", "words": b"what is this\n" * 200}
Use = Callable[[Settings], Any]


def _evidence(settings: Settings) -> Any:
    with Store(folder(settings)) as store:
        return store.last_day()


def _rules(settings: Settings) -> Any:
    return read_policy(settings)


def _forgotten(settings: Settings) -> Any:
    return read_erasures(settings.data, lambda: read_hash_key(settings), date(2026, 11, 26))


FILES: dict[str, tuple[Use, Callable[[Settings], Path]]] = {
    "hash key": (read_hash_key, key_file),
    "evidence": (_evidence, lambda settings: folder(settings) / "evidence.sqlite"),
    "rules": (_rules, lambda settings: folder(settings) / FILE),
    "begun": (
        lambda settings: next_offsets(settings.data, "t"),
        lambda settings: settings.data / START_OFFSETS / "t-0",
    ),
    "begun, for holes": (
        lambda settings: find_gaps(settings.data),
        lambda settings: settings.data / START_OFFSETS / "t-0",
    ),
    "forgotten": (_forgotten, lambda settings: settings.data / ERASURES / "user-a"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a data folder of its own, in which each of the files is as it should be."""
    made = Settings(data=tmp_path / "data")
    read_hash_key(made, make=True)
    _evidence(made)
    write_start_offset(made.data, "t", 0, 5)
    record_erasure(made.data, "user", "a", "k", NOW)
    for use, _ in FILES.values():
        use(made)
    return made


def refusal(use: Callable[[], Any], path: Path, code: int) -> str:
    """The line that it ends with."""
    with pytest.raises(LookalikeError) as failed:
        use()
    said = str(failed.value)
    assert exit_status(failed.value) == code, said
    assert str(path) in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_damaged(settings: Settings, name: str, damage: str) -> None:
    """Whichever file it is, and whatever stands in it now: 2, and what to do."""
    use, where = FILES[name]
    path = where(settings)
    path.write_bytes(DAMAGES[damage])
    if name == "evidence" and damage == "empty":
        assert use(settings) is None  # SQLite takes it for a new file, as it is
        return
    refusal(lambda: use(settings), path, 2)


def test_half_a_database(settings: Settings) -> None:
    """Its beginning is right and its pages are gone: found when it is opened, or while it is asked."""
    path = folder(settings) / "evidence.sqlite"
    whole = path.read_bytes()
    for cut in (50, 5_000, len(whole) // 2):
        path.write_bytes(whole[:cut])
        assert "move it away" in refusal(lambda: _evidence(settings), path, 2)
    path.write_bytes(whole[:4_096] + b"\xff" * (len(whole) - 4_096))
    assert "move it away" in refusal(lambda: _evidence(settings), path, 2)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_its_place(settings: Settings, name: str) -> None:
    """1: it can't be read."""
    use, where = FILES[name]
    path = where(settings)
    path.unlink(missing_ok=True)
    path.mkdir()
    assert "permissions" in refusal(lambda: use(settings), path, 1)


def test_a_file_in_the_place_of_the_folder(settings: Settings, tmp_path: Path) -> None:
    """Nothing can be made below it."""
    (tmp_path / "file").write_text("")
    other = settings.model_copy(update={"data": tmp_path / "file"})
    refusal(lambda: read_hash_key(other, make=True), tmp_path / "file", 1)
    refusal(lambda: _evidence(other), tmp_path / "file", 1)
    refusal(lambda: write_ready_file(tmp_path / "file" / "ready", None), tmp_path / "file", 1)


@pytest.fixture
def _full() -> Iterator[None]:
    """No file may grow at all, as on a disk that is full."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("_full")
def test_a_full_disk(tmp_path: Path) -> None:
    """The line names the file that was to be written, and nothing half written is left under its name."""
    settings = Settings(data=tmp_path / "data")
    refusal(lambda: read_hash_key(settings, make=True), key_file(settings), 1)
    assert list(settings.data.iterdir()) == []
    refusal(lambda: _evidence(settings), folder(settings) / "evidence.sqlite", 1)
    refusal(lambda: write_ready_file(tmp_path / "ready", None), tmp_path / "ready", 1)
    assert not (tmp_path / "ready").exists()


def test_any_other_file(tmp_path: Path) -> None:
    """A command that meets one which nobody foresaw ends with a line as well."""
    (tmp_path / "data").write_text("")
    command = [sys.executable, "-m", "workers.cli", "--data", str(tmp_path / "data"), "triggers", "--stop"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].strip()
