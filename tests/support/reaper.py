"""Nothing that a run of tests started outlives it, however the run ends: also by SIGKILL, and of one process of many.

Finalizers stop the servers of a run that ends by itself. A run that is killed has none, and its servers have sessions
of their own, so that no signal to the run's process group reaches them. So each process of a run marks what it starts
by a variable of its environment, which every child inherits, and starts a watchdog that holds one end of a pipe. The
system closes the other end when the run's process ends; then the watchdog kills whatever has the mark.
"""

import os
import subprocess
import sys
import uuid

import psutil

MARK = "TEST_RUN_ID"
"""The variable that each process of a run has; not `LOOKALIKE_…`, as the program refuses unknown ones."""
_ROUNDS = 20
"""What a dying supervisor starts while the others are being killed is found by the next round."""

_watchdog: subprocess.Popen[bytes] | None = None


def reap_at_end() -> None:
    """Whatever this process starts from now on is killed when it has ended; safe to repeat."""
    global _watchdog
    if _watchdog is not None:
        return
    mark = uuid.uuid4().hex
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    # A session of its own: Ctrl-C at the terminal must not end it before its work is done.
    _watchdog = subprocess.Popen(
        [sys.executable, __file__, mark], stdin=subprocess.PIPE, env=unmarked, start_new_session=True
    )
    os.environ[MARK] = mark


def marked(mark: str) -> list[psutil.Process]:
    """The processes that began with this mark, and that have not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it has ended, or is another user's
            continue
    return found


def _reap(mark: str) -> None:
    for _ in range(_ROUNDS):
        if not (left := marked(mark)):
            return
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=2.0)


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until the run's process has ended
    _reap(sys.argv[1])
