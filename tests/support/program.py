"""The program `lookalike` in processes of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from awaiting import eventually
from started import Started
from streams.settings import Settings
from workers.local.environment import child_environment

Ended = subprocess.CompletedProcess[str]


def command(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "workers.cli", *arguments]


def run(settings: Settings, *arguments: str, stdin: str | bytes = "", seconds: float = 120.0, **env: str) -> Ended:
    """Run the program to its end."""
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        given, out, errors = (Path(name) / each for each in ("in", "out", "errors"))
        given.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
        environment = {**child_environment(settings), **env}
        started = Started(*arguments, environment=environment, given=given, out=out, errors=errors)
        try:
            code = started.wait(seconds)
        finally:
            started.kill()
        return Ended(command(*arguments), code, out.read_text(), errors.read_text())


def failed(ended: Ended, code: int) -> str:
    """The one line with which a command ended at exit status `code`."""
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    lines = ended.stderr.strip().splitlines()
    ours = [line for line in lines if line.startswith("lookalike: ")]
    assert len(ours) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ours[0]


def document(ended: Ended, code: int = 0) -> dict[str, Any]:
    """The one JSON document on stdout, of a command that ended with `code`."""
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


class IndexWorker:
    """A running index worker; started as its users start it where `imported` is False, which takes seconds longer."""

    def __init__(self, settings: Settings, *arguments: str, imported: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="worker-")
        self.ready_file = Path(self._folder.name) / "ready"
        self._log = Path(self._folder.name) / "log"
        # A picture that is missing is looked for again, but not for a minute and a half; `arguments` may say otherwise.
        told = ("worker", "index", "--ready-file", str(self.ready_file), "--young-delays", "0.1,0.2", *arguments)
        environment = child_environment(settings)
        self.process: Started | subprocess.Popen[bytes]
        if imported:
            self.process = Started(*told, environment=environment, out=self._log, errors=self._log)
        else:
            with self._log.open("wb") as log:
                self.process = subprocess.Popen(
                    command(*told), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    def await_ready(self, seconds: float = 120.0) -> None:
        """Wait until it has partitions."""
        eventually(lambda: self.ready_file.exists() or self.process.poll() is not None, "worker ready", seconds=seconds)
        assert self.process.poll() is None, self.log()

    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log events of this name."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def terminate(self, seconds: float = 40.0) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def running(self) -> bool:
        """Whether its process has not ended."""
        return self.process.poll() is None

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and knows nothing of it."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        """Whatever it is doing, it ends now."""
        if self.process.poll() is None:
            self.kill()
        self._folder.cleanup()


@contextlib.contextmanager
def index_worker(settings: Settings, *arguments: str, await_ready: bool = True) -> Iterator[IndexWorker]:
    """An index worker for the time of the block."""
    worker = IndexWorker(settings, *arguments)
    try:
        if await_ready:
            worker.await_ready()
        yield worker
    finally:
        worker.close()


def seconds_since(started: float) -> float:
    """Seconds since `started` of the monotonic clock."""
    return time.monotonic() - started
