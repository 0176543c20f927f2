"""Records that an operator steps over by hand: `--skip TOPIC:PARTITION:OFFSET` of workers and recorder."""

import re
from collections.abc import Collection, Iterable

from streams.errors import BadMessage, UsageError

Skips = frozenset[tuple[str, int, int]]
"""Topic (with prefix), partition and offset of each."""

NONE: Skips = frozenset()
_FORM = re.compile(r"(?P<topic>[A-Za-z0-9._-]+):(?P<partition>[0-9]{1,9}):(?P<offset>[0-9]{1,18})", re.ASCII)


def read_skips(places: Iterable[str], topics: Collection[str]) -> Skips:
    """The places of `--skip`, in a process that reads `topics`. Raises UsageError for any other.

    >>> read_skips(["interactions:3:1017"], ["interactions"])
    frozenset({('interactions', 3, 1017)})
    """
    return frozenset(_place(each, topics) for each in places)


def _place(text: str, topics: Collection[str]) -> tuple[str, int, int]:
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f"--skip {text[:100]!r}: it must be TOPIC:PARTITION:OFFSET, such as {min(topics)}:3:1017")
    if found["topic"] not in topics:
        raise UsageError(f"--skip {text[:100]}: only {', '.join(sorted(topics))} are read here")
    return found["topic"], int(found["partition"]), int(found["offset"])


def skipped() -> BadMessage:
    """Why a record that is stepped over is a dead letter."""
    return BadMessage("skipped", "an operator stepped over it with --skip; nothing was read of it")
