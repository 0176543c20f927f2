"""Servers as single processes that a test may kill, freeze, stop and start again, on the same port and data."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from awaiting import eventually
from workers.local.supervised_process import Process


class Part:
    """One server, declared as the local stack declares its own, and looked after by the test alone."""

    def __init__(self, process: Process, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.process, self.log = process, log
        self._environment = dict(environment) if environment is not None else None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its process, which must be running."""
        assert self._child is not None
        return self._child.pid

    def start(self, *, await_ready: bool = True) -> None:
        """Start it, for the first time or again."""
        assert self._child is None, f"{self.process.name} is running"
        self.process.prepare()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.process.command,
                cwd=self.process.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if await_ready:
            self.await_ready()

    def await_ready(self, seconds: float = 120.0) -> None:
        """Wait until it serves."""
        eventually(lambda: self._ended() or self.process.ready(), f"{self.process.name} is ready", seconds=seconds)
        assert not self._ended(), f"{self.process.name} ended, see {self.log}"

    def kill(self) -> None:
        """SIGKILL: whatever was not on the disk is gone. Safe to repeat."""
        self._signal(signal.SIGKILL)
        self._gone(20)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that takes too long. Safe to repeat."""
        self._signal(signal.SIGTERM)
        try:
            self._gone(self.process.grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def ensure(self) -> None:
        """Start it again where it is not running."""
        if self._ended():
            self._child = None
            self.start()

    def restart(self, *, down: float = 0.0, kill: bool = False) -> None:
        """End it, leave it away for `down` seconds, and start it again."""
        if kill:
            self.kill()
        else:
            self.stop()
        time.sleep(down)
        self.start()

    def _ended(self) -> bool:
        return self._child is None or self._child.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def _gone(self, seconds: float) -> None:
        if self._child is not None:
            self._child.wait(seconds)
            self._child = None
