"""The ready file: tells the supervisor that a process is ready, and the URL of its `/health`."""

import json
from pathlib import Path

from streams.local_files import local_file
from workers.process import atomic_write


def write_ready_file(file: Path | None, health: str | None) -> None:
    """Write the URL of `/health` to the ready file, if there is one; atomically, so that nobody reads half of it.

    Raises LookalikeError if it can't be written.
    """
    if file is None:
        return
    with local_file(file, "remove it"):
        atomic_write.write_text(file, json.dumps({"health": health}), durable=False)
