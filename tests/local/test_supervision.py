"""One supervised process and the lock of a stack, with small real processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from servers import await_true, local_settings
from streams.errors import LookalikeError
from workers.local.crash_loops import not_well
from workers.local.state import read_state, stop_leftovers, supervisor, take_lock, write_state
from workers.local.supervised_process import Child, Process

Started = Callable[..., Child]

SLEEPS = "import time; time.sleep(600)"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Started]:
    """Makes a child that runs some Python; whatever still runs at the end is killed."""
    made: list[Child] = []

    def make(code: str, ready: Callable[[], bool] = lambda: True, prepare: Callable[[], None] = lambda: None) -> Child:
        process = Process("small", (sys.executable, "-c", code), prepare, ready, grace=1.0)
        made.append(Child(process, {}, tmp_path / "small.log"))
        return made[-1]

    yield make
    for each in made:
        each.terminate()
        each.kill()
        await_true(each.gone)


def test_running_means_ready(child: Started) -> None:
    """A process that is alive is starting; it is running once it says that it is ready."""
    answers = iter([False, True])
    sleeper = child(SLEEPS, ready=lambda: next(answers))
    states = [(sleeper.step(0.0), sleeper.state) for _ in range(4)]
    assert states == [(True, "starting"), (False, "starting"), (True, "running"), (False, "running")]


def test_what_ends_is_started_again_when_due(child: Started) -> None:
    """A process that ended is started again after the delay, not before, and its last words are kept."""
    failing = child("import sys; sys.exit('out of paper')")
    failing.step(100.0)
    await_true(lambda: failing.step(100.0) and failing.state == "backing-off")
    assert failing.problem is not None
    assert (failing.problem.exit_status, failing.problem.words) == (1, "out of paper")
    assert not failing.step(100.4)
    assert failing.pid is None
    assert failing.step(100.5)
    assert failing.pid is not None


def test_a_program_that_cannot_be_started_backs_off(child: Started) -> None:
    """A full disk or a missing program is a failure like an early end: kept, and tried again."""

    def full_disk() -> None:
        raise OSError(28, "No space left on device")

    never = child(SLEEPS, prepare=full_disk)
    assert never.step(0.0)
    assert never.state == "backing-off"
    assert never.problem is not None
    assert "No space left" in never.problem.words


def test_a_deaf_process_is_killed(child: Started, tmp_path: Path) -> None:
    """SIGTERM asks; a process that does not listen can still be ended, with all that it started."""
    note = tmp_path / "grandchild"
    deaf = child(
        "import pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"other = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]);"
        f"pathlib.Path({str(note)!r}).write_text(str(other.pid)); time.sleep(600)"
    )
    deaf.step(0.0)
    await_true(lambda: note.exists() and note.read_text() != "")
    grandchild = psutil.Process(int(note.read_text()))
    deaf.terminate()
    assert not deaf.gone()
    deaf.kill()
    await_true(deaf.gone)
    await_true(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)
    assert deaf.state == "stopped"


def test_one_supervisor_per_data_folder(tmp_path: Path) -> None:
    """The lock tells who supervises; a second one is told the pid and how to stop it."""
    settings = local_settings(tmp_path)
    assert supervisor(settings) is None
    code = (
        "import sys, time; from pathlib import Path; from streams.settings import Settings;"
        "from workers.local.state import take_lock;"
        f"lock = take_lock(Settings(data=Path({str(tmp_path)!r}))); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert supervisor(settings) == other.pid
        with pytest.raises(LookalikeError, match=rf"already up .*pid {other.pid}.*lookalike down") as refused:
            take_lock(settings)
        assert type(refused.value) is LookalikeError
        other.kill()
    assert supervisor(settings) is None
    take_lock(settings).close()


def test_leftovers_are_stopped_and_strangers_are_not(tmp_path: Path) -> None:
    """What a killed supervisor left is stopped; a pid that now belongs to another program is left alone."""
    settings = local_settings(tmp_path)
    ours, stranger = ([sys.executable, "-c", f"{SLEEPS} # {name}"] for name in ("ours", "stranger"))
    left, other = subprocess.Popen(ours), subprocess.Popen(stranger)
    try:
        entries = [
            {"name": "milvus", "pid": left.pid, "state": "running", "command": ours},
            {"name": "kafka", "pid": other.pid, "state": "running", "command": ours},
            {"name": "index-1", "pid": 2**22 + 1, "state": "running", "command": ours},
        ]
        write_state(settings, read_state(settings) | {"processes": entries})
        assert stop_leftovers(settings) == ["milvus"]
        assert not psutil.pid_exists(left.pid)
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()
    assert {entry["state"] for entry in read_state(settings)["processes"]} == {"stopped"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"other": 1}'])
def test_a_torn_state_file_is_no_state(tmp_path: Path, content: str) -> None:
    """Whatever stands in the state file, reading it gives a state."""
    settings = local_settings(tmp_path)
    (tmp_path / "stack.json").write_text(content)
    assert read_state(settings)["processes"] == []


def test_what_ends_again_and_again_is_named(child: Started, tmp_path: Path) -> None:
    """By its name, how often and with its last words, although it runs just now; of no stack that is down."""
    settings = local_settings(tmp_path)
    failing, well = child("import sys; sys.exit('100 events in a row')"), child(SLEEPS)
    now = 0.0
    for _ in range(3):
        now += 100.0
        await_true(lambda now=now: failing.step(now) and failing.state == "backing-off")  # type: ignore[misc]
    well.step(now)
    entries = [
        {"name": name, "state": state, "problem": each.problem and each.problem.words, "ended_at": list(each.ended_at)}
        for name, each, state in (("index-1", failing, "running"), ("record-1", well, "running"))
    ]
    write_state(settings, read_state(settings) | {"processes": entries})
    assert not_well(settings) == []
    lock = take_lock(settings)
    try:
        [said] = not_well(settings)
        assert said.startswith("index-1 has ended 3 times in the last hour, last with: 100 events in a row; see ")
        write_state(settings, read_state(settings) | {"processes": [entries[0] | {"ended_at": [1.0, 2.0, 3.0]}]})
        assert not_well(settings) == []  # that was long ago
        waits = {"state": "backing-off", "ended_at": list(failing.ended_at)[:1]}
        write_state(settings, read_state(settings) | {"processes": [entries[0] | waits]})
        assert not_well(settings)[0].startswith("index-1 has ended once in the last hour")
    finally:
        lock.close()
