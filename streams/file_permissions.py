"""What we write is the operator's alone: files 0600, folders 0700."""

import contextlib
import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private(data: Path) -> None:
    """From now on this process and its children make files and folders for their user alone; closes `data` as well.

    `data` is closed when it is this user's and was made for us: not the home folder, and not one that is shared on
    purpose (with the sticky bit, as /tmp). In a closed folder nobody else reaches older files of looser modes.
    """
    os.umask(_OTHERS)
    with contextlib.suppress(OSError):  # missing, or on a file system without modes
        found = data.lstat()
        mode = stat.S_IMODE(found.st_mode)
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not mode & stat.S_ISVTX
        if ours and mode & _OTHERS and data.resolve() not in (Path.home().resolve(), Path(data.anchor)):
            data.chmod(mode & ~_OTHERS)
