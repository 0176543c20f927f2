"""Recorders as processes, and what they recorded compared with the log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from awaiting import eventually
from program import command
from streams.clients import admin
from streams.dead_letters import parse_dead_letter
from streams.lag import committed_offsets
from streams.settings import Settings
from streams.topic_reader import partitions, read_all
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS
from workers.interactions.layout import interactions_folder
from workers.interactions.scan import collect, scan
from workers.local.environment import child_environment

KILLED = """
import os, signal, sys
from importlib import import_module
step, module, name, when = sys.argv[1:5]
place = import_module(module)
owner, _, function = name.rpartition(".")
owner = getattr(place, owner) if owner else place
real = getattr(owner, function)
def deadly(*arguments, **more):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    found = real(*arguments, **more)
    os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(owner, function, deadly)
sys.argv = ["lookalike", *sys.argv[5:]]
from workers.cli import main
main()
"""
"""A program that SIGKILLs itself before or after its first call of one function."""


class Recording:
    """One catalogue's interactions: their log and their folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.folder = settings, interactions_folder(settings)
        self.topic = settings.named(INTERACTIONS)
        self._running: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str, seconds: float = 90.0) -> subprocess.CompletedProcess[str]:
        """`lookalike …` to its end."""
        return subprocess.run(
            command(*arguments),
            env=child_environment(self.settings),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def once(self, *arguments: str) -> None:
        """Record all that the log has now."""
        ended = self.run("worker", "record", "--once", *arguments)
        assert ended.returncode == 0, ended.stderr

    def killed(self, module: str, name: str, when: str, *arguments: str) -> None:
        """Run the program until it dies at a function."""
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, "step", module, name, when, *arguments],
            env=child_environment(self.settings),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A recorder that runs until the test ends it; its log is read with `log`."""
        path = self.settings.data / f"recorder-{len(self._running)}.log"
        with path.open("w") as log:
            process = subprocess.Popen(
                command("worker", "record", *arguments),
                env=child_environment(self.settings),
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        return process

    def log(self, process: subprocess.Popen[str], event: str) -> list[dict[str, Any]]:
        """The log events of this name, of a recorder that was started."""
        text = (self.settings.data / f"recorder-{self._running.index(process)}.log").read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def rows(self) -> pl.DataFrame:
        """Everything that is recorded."""
        return collect(lambda: scan(self.folder))

    def places(self) -> Counter[tuple[int, int]]:
        """How often each partition and offset is in the files."""
        return Counter(self.rows().select("partition", "offset").iter_rows())

    def logged(self) -> Counter[tuple[int, int]]:
        """The partitions and offsets that are in the log, but for those that were dead-lettered."""
        found = Counter((each.source.partition, each.source.offset) for each in read_all(self.settings, INTERACTIONS))
        for partition, offset in {(each["partition"], each["offset"]) for each in self.letters()}:
            del found[partition, offset]
        return found

    def letters(self) -> list[dict[str, Any]]:
        """The dead letters."""
        found = [parse_dead_letter(record) for record in read_all(self.settings, INTERACTION_DEAD_LETTER)]
        return [letter.row() | {"value": letter.record.value} for letter in found if letter is not None]

    def committed(self) -> dict[int, int]:
        """What the group has committed, by partition."""
        group = self.settings.named("lookalike-record")
        places = partitions(admin(self.settings), self.settings, [INTERACTIONS])
        found = committed_offsets(self.settings, group, places)
        return {partition: offset for (_, partition), offset in found.items()}

    def files(self) -> list[str]:
        """The data files, as `day=…/name`."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob("day=*/*"))

    def is_the_log(self) -> bool:
        """Whether each record of the log is in the files once, and nothing else is."""
        return self.places() == self.logged()

    def await_recorded(self, seconds: float = 40.0) -> None:
        """Wait until it is."""
        eventually(self.is_the_log, "all is recorded", seconds=seconds, pause=0.3)

    def close(self) -> None:
        """End what runs."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait(20)


def sizes(folder: Path) -> int:
    """Bytes of all data files."""
    return sum(path.stat().st_size for path in folder.glob("day=*/*"))
