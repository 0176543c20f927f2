"""Two folders change places in one step: whoever lists one of them sees the old files or the new, never both."""

import ctypes
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS


def exchange(one: Path, other: Path) -> None:
    """Exchange what stands at two paths; raises OSError where the file system can't (network folders mostly can't)."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = (os.fsencode(one), os.fsencode(other))
    if sys.platform == "darwin":
        failed = libc.renamex_np(*names, _EXCHANGE)
    else:
        failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, f"two folders can't be exchanged here: {os.strerror(code)}", str(other))
