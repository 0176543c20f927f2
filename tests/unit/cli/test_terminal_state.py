"""What a display that is redrawn leaves of the terminal when its process is ended by a signal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
CURSOR = re.compile(re.escape(HIDE) + b"|" + re.escape(SHOW))
DISPLAYS = {
    "lag --watch": """
with repeated_show(as_json=False, live=True) as show:
    for number in range(10**9):
        show({}, lambda: table(("group", "lag"), [("index", number)]))
        time.sleep(0.05)
""",
    "one bar": """
with Progress("records") as progress:
    for number in range(10**9):
        progress.show(number)
        time.sleep(0.05)
""",
    "bars of several steps": """
with counted_steps() as progress:
    for number in range(10**9):
        progress("rows", number)
        progress("events", number)
        time.sleep(0.05)
""",
}
PROGRAM = """
import sys, time, types
from workers.cli import main
from workers.cli.output import Progress, counted_steps, repeated_show, table

def run():
    {display}

program = types.ModuleType("workers.cli.program")
program.run = run
sys.modules["workers.cli.program"] = program
main()
"""


def drawn_until(display: str, number: signal.Signals) -> tuple[bytes, int]:
    """What the program writes to its terminal until the signal ends it, and its exit status."""
    code = PROGRAM.format(display=DISPLAYS[display].replace("\n", "\n    "))
    master, terminal = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    written, sent, deadline = b"", False, time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    written += os.read(master, 65_536)
                except OSError:  # Linux: the last one who had the terminal open has closed it
                    break
            if not sent and written.count(b"\x1b[") > 20:
                sent = True
                process.send_signal(number)
        return written, process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("display", DISPLAYS)
def test_the_cursor_is_visible_afterwards(display: str, number: signal.Signals) -> None:
    """Whichever signal ends it; and the signal does end it."""
    written, status = drawn_until(display, number)
    assert status == (130 if number == signal.SIGINT else -number), written
    assert CURSOR.findall(written)[-1:] in ([], [SHOW]), written
