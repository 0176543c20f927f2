"""The program `lookalike`, which Ctrl-C ends with exit status 130 and no traceback, from its first moment on."""

import os
import sys
from types import FrameType

_INTERRUPTED = 130
"""128 and the number of SIGINT: what a shell shows of a command that Ctrl-C ended."""


def main() -> None:
    """Import the program and run it; nothing heavy is imported before Ctrl-C is provided for."""
    try:
        import signal

        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as by nohup
        if ours:
            signal.signal(signal.SIGINT, _leave)
        from workers.cli.program import run

        interrupted = False

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal interrupted
            interrupted = True
            signal.default_int_handler(number, frame)

        if ours:
            signal.signal(signal.SIGINT, interrupt)
        try:
            run()
        except Exception:  # a library that was interrupted while it was imported may have raised an error of its own
            if not interrupted:
                raise
            sys.exit(_INTERRUPTED)
        finally:
            if ours:  # what handles the signal itself, as a worker does, ends with its own exit status
                handled = signal.getsignal(signal.SIGINT) is not interrupt
                signal.signal(signal.SIGINT, signal.SIG_IGN if handled else _leave)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: what is only being imported, or has ended but for the interpreter, leaves nothing unfinished."""
    os._exit(_INTERRUPTED)
