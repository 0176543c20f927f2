"""What is known of a local stack from outside it: the lock that its supervisor holds and the state it writes."""

import contextlib
import fcntl
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, TextIO

import psutil
import structlog

from streams.errors import LookalikeError
from streams.redaction import shown_address
from streams.settings import Settings
from workers.process import atomic_write

_log = structlog.get_logger(__name__)


def state_file(settings: Settings) -> Path:
    """Where the supervisor writes what runs."""
    return settings.data / "stack.json"


def log_file(settings: Settings, name: str) -> Path:
    """The log of the process `name`, or of the `supervisor`."""
    return settings.data / "logs" / f"{name}.log"


def read_state(settings: Settings) -> dict[str, Any]:
    """What the last supervisor wrote: kafka, milvus, supervisor, complete, processes; without processes at first."""
    try:
        state = json.loads(state_file(settings).read_text())
    except (OSError, ValueError):
        state = None
    if not isinstance(state, dict) or "processes" not in state:
        return {
            "kafka": shown_address(settings.kafka),
            "milvus": shown_address(settings.milvus),
            "complete": False,
            "processes": [],
        }
    return state


def write_state(settings: Settings, state: dict[str, Any]) -> None:
    """Replace the state file in one step, so that a reader never sees half of it."""
    atomic_write.write_text(state_file(settings), json.dumps(state, indent=2), durable=False)


def take_lock(settings: Settings) -> TextIO:
    """Become the one supervisor of this data folder until the returned file is closed or the process ends.

    LookalikeError when another one is; it says which and how to stop it.
    """
    lock = (settings.data / "stack.lock").open("a+")
    deadline = time.monotonic() + 0.5  # `supervisor` holds a shared lock for an instant; that is not a supervisor
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                raise LookalikeError(
                    f"a local stack is already up for {settings.data} (supervisor pid {supervisor(settings)}); "
                    "`lookalike down` stops it"
                ) from None
            time.sleep(0.02)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def supervisor(settings: Settings) -> int | None:
    """The pid of the supervisor of this data folder, None when none runs. The lock tells, so no stale pid can."""
    try:
        lock = (settings.data / "stack.lock").open("r")
    except OSError:
        return None
    with lock:
        for _ in range(50):
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                text = lock.read()
                if text.isdigit():
                    return int(text)
                time.sleep(0.02)  # it holds the lock and is about to write who it is
            else:
                return None
    return None


def stop_leftovers(settings: Settings, grace: float = 10.0) -> list[str]:
    """Stop what a supervisor that was killed has left running; the names of what was stopped.

    Call it only where no supervisor runs. A process is ours when pid and command line are as written.
    """
    state = read_state(settings)
    found = {
        entry["name"]: process
        for entry in state["processes"]
        if (process := _ours(entry.get("pid"), entry.get("command", [])))
    }
    for name, process in found.items():
        _log.warning("stopping-leftover", process=name, pid=process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(list(found.values()), timeout=grace)
    for process in alive:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5.0)
    if any(entry.get("pid") for entry in state["processes"]):
        stopped = [entry | {"pid": None, "state": "stopped"} for entry in state["processes"]]
        write_state(settings, state | {"complete": False, "processes": stopped})
    return list(found)


def _ours(pid: object, command: list[str]) -> psutil.Process | None:
    """The process, when it still runs the command we gave it; its first word may be spelt otherwise by the system."""
    if not isinstance(pid, int) or not command:
        return None
    try:
        process = psutil.Process(pid)
        return process if process.cmdline()[1:] == command[1:] else None
    except psutil.Error:
        return None
