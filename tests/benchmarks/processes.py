"""Processes of the benchmark: started from modules, measured from outside, ended by their own handle."""

import contextlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from workers.local.supervised_process import python

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A process of the benchmark ended early or did not get ready; the message ends with its last words."""


class Running:
    """A started process and what the system knows of it."""

    def __init__(self, name: str, command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._seen = psutil.Process(self._child.pid)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for `condition`; raises Failed where the process ends before, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self._child.poll() is not None:
                raise Failed(f"{self.name} ended with {self._child.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} was not there after {seconds:.0f} s: {self._last_words()}")
            time.sleep(0.05)

    def wait(self, seconds: float) -> None:
        """Wait for its end; raises Failed for a status other than 0, or after `seconds`."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} had not ended after {seconds:.0f} s: {self._last_words()}") from None
        if status:
            raise Failed(f"{self.name} ended with {status}: {self._last_words()}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 30 s; safe to repeat."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(30)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def cpu(self) -> float:
        """Seconds of processor time so far, with the processes that it started and that still run."""
        return sum((_cpu(each) for each in self._family()), 0.0)

    def rss(self) -> int:
        """Resident bytes now, with the processes that it started."""
        return sum(int(each.memory_info().rss) for each in self._family())

    def cpu_by_thread(self, names: Path) -> Counter[str]:
        """Seconds of processor time so far by the name of the thread; those not of Python by the system's name."""
        known: dict[str, str] = json.loads(names.read_text()) if names.exists() else {}
        seconds: Counter[str] = Counter()
        for thread in self._seen.threads():
            name = known.get(str(thread.id)) or _system_name(self._child.pid, thread.id)
            seconds[name.rstrip("_0123456789")] += thread.user_time + thread.system_time
        for process in self._family()[1:]:
            times = process.cpu_times()
            seconds["processes of its own"] += times.user + times.system
        return seconds

    def _family(self) -> list[psutil.Process]:
        return [self._seen, *self._seen.children(recursive=True)]

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace").strip()[-1_500:]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _system_name(process: int, thread: int) -> str:
    try:
        return "native " + Path(f"/proc/{process}/task/{thread}/comm").read_text().strip()
    except OSError:
        return "native"


@contextlib.contextmanager
def running(module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> Iterator[Running]:
    """`python -m module arguments` for the time of the `with`. A name that begins with `.` is one of this package."""
    command = python(f"{__package__}{module}" if module.startswith(".") else module, *arguments)
    # Without -P, so that the project's root, where it is started, can be imported from: the tests are not installed.
    started = Running(module.strip("."), tuple(each for each in command if each != "-P"), environment, log)
    try:
        yield started
    finally:
        started.stop()
