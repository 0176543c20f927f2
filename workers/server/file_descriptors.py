"""File descriptors: as many as the system lets us have, and connection slots within them."""

import resource

import psutil

from streams.errors import LookalikeError

_WANTED = 65_536
BACKLOG = 32
"""Connections that the system accepts for us before we look at them: asyncio takes up to so many in one go."""
_OTHERS = 64
"""Descriptors for what comes later: connections to Kafka and Milvus, spooled bodies, files."""
_FEWEST = 16


def slots_for(most: int) -> int:
    """How many connections of visitors there may be at once, up to `most`; raises the process's own limit first.

    Raises LookalikeError when there would be too few to serve anybody.
    """
    limit = _raised()
    slots: int = min(most, limit - psutil.Process().num_fds() - BACKLOG - _OTHERS)
    if slots < min(most, _FEWEST):
        raise LookalikeError(
            f"this process may open {limit} files and connections, which leaves {max(0, slots)} for visitors; "
            "raise the limit (`ulimit -n 4096`, LimitNOFILE=4096)"
        )
    return slots


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # a system with a lower limit than it says
            return soft
        return wanted
    return _WANTED if soft == resource.RLIM_INFINITY else soft
