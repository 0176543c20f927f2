"""An interrupted run of tests leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from awaiting import eventually
from reaper import MARK, marked

ROOT = Path(__file__).parents[3]
CONFTEST = """
from reaper import reap_at_end
reap_at_end()
"""
TEST = """
import multiprocessing, os, subprocess, sys, time
from pathlib import Path

def test_that_is_interrupted():
    sleeps = "import time; time.sleep(600)"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{sleeps}'])"]
    subprocess.Popen(command, start_new_session=True)
    multiprocessing.get_context("forkserver").Process(target=time.sleep, args=(600,)).start()
    Path(os.environ["NOTE"]).write_text(f"{os.getpid()} {os.environ['TEST_RUN_ID']}")
    time.sleep(600)
"""


def test_this_run_is_marked() -> None:
    """Every process of this run, be it one of many, has started its watchdog."""
    assert len(os.environ[MARK]) == 32


@pytest.mark.parametrize(
    ("number", "processes"), [(signal.SIGINT, 1), (signal.SIGTERM, 0), (signal.SIGKILL, 1)], ids=["INT", "TERM", "KILL"]
)
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, number: signal.Signals, processes: int) -> None:
    """Whatever signal ends the run, all that it started ends: sessions of their own and their children too."""
    with interrupted(tmp_path, processes) as run:
        _, mark = begun(run, tmp_path)
        run.send_signal(number)
        assert run.wait(60) != 0
    eventually(lambda: not marked(mark), "nothing that the run started is left")


def test_one_killed_process_of_many_leaves_nothing(tmp_path: Path) -> None:
    """The servers of the one that was killed end, while the run itself goes on to say so."""
    with interrupted(tmp_path, 1) as run:
        child, mark = begun(run, tmp_path)
        os.kill(child, signal.SIGKILL)
        eventually(lambda: not marked(mark), "nothing that the killed process started is left")


class interrupted(subprocess.Popen[bytes]):  # noqa: N801 - it reads as a word in a `with`
    """A run of pytest on one test that starts processes and then waits for ever; killed at the end of the block."""

    def __init__(self, folder: Path, processes: int) -> None:
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_waits.py").write_text(TEST)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(folder),
            str(folder),
        ]
        shared = ["-n", str(processes), "--max-worker-restart=0"] if processes else ["-p", "no:xdist"]
        environment = {**os.environ, "NOTE": str(folder / "note"), "PYTHONPATH": str(ROOT / "tests" / "support")}
        super().__init__(
            [*command, *shared], cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()


def begun(run: subprocess.Popen[bytes], folder: Path) -> tuple[int, str]:
    """The process that runs the test and its mark, once all that it starts is there."""
    note = folder / "note"
    eventually(lambda: run.poll() is not None or (note.exists() and note.read_text()), "the test has begun")
    assert run.poll() is None
    child, mark = note.read_text().split()
    eventually(lambda: len(marked(mark)) >= 4, "what it starts is there")
    return int(child), mark
