"""A local stack that outlives the command that starts it, and the end of one that runs anywhere."""

import os
import signal
import subprocess
import time
from typing import Any

from streams.errors import LookalikeError
from streams.settings import Settings
from workers.local.environment import child_environment
from workers.local.logs import last_line, open_log
from workers.local.ports import kafka_address, milvus_address
from workers.local.state import log_file, read_state, stop_leftovers, supervisor, take_lock
from workers.local.supervised_process import python
from workers.process.exit_status import error_of

_STOP_WITHIN = 90.0  # seconds; the graces of workers and servers together, and some


def start_detached(settings: Settings, workers: int, *more: str) -> dict[str, Any]:
    """Start a supervisor in a session of its own; its state once all of it is running. `more`: options of `up`.

    Raises LookalikeError, with the supervisor's own reason and exit status, when it can't be started.
    """
    kafka_address(settings), milvus_address(settings)  # wrong settings are said before anything is written
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        take_lock(settings).close()  # a stack that is up already is said here, in one line
        log_path = log_file(settings, "supervisor")
        with open_log(log_path) as log:
            child = subprocess.Popen(
                python("workers.cli", "up", "--workers", str(workers), *more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(settings),
                start_new_session=True,
            )
    except OSError as error:
        raise LookalikeError(
            f"{error.filename} can't be written: {error.strerror}; choose another folder with LOOKALIKE_DATA"
        ) from None
    try:
        while (status := child.poll()) is None:
            state = read_state(settings)
            if state["complete"] and state["supervisor"]["pid"] == child.pid:
                return state
            time.sleep(0.1)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    reason = last_line(log_path).removeprefix("lookalike: ")
    raise error_of(status, reason or f"the supervisor ended with status {status}; see {log_path}")


def stop(settings: Settings) -> list[str]:
    """Stop the stack of this data folder and wait for its end; the names of what was stopped, none when none ran.

    Also stops what a supervisor that was killed has left. LookalikeError when it does not end in time.
    """
    pid = supervisor(settings)
    if pid is None:
        return stop_leftovers(settings)
    names = [entry["name"] for entry in read_state(settings)["processes"]]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_WITHIN
    while supervisor(settings) == pid:
        if time.monotonic() > deadline:
            raise LookalikeError(
                f"the local stack (pid {pid}) has not ended after {_STOP_WITHIN:.0f} seconds; "
                f"see {log_file(settings, 'supervisor')}"
            )
        time.sleep(0.05)
    return names
