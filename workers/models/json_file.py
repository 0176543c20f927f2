"""A model folder's JSON files, read with one line for whatever is wrong with one."""

import json
from pathlib import Path
from typing import Any

from streams.errors import UsageError


def read_bytes(path: Path) -> bytes:
    """A file of a model folder; raises UsageError if it is missing or can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path.parent} is no model folder: {path.name} is missing") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises UsageError if it is missing, can't be read, or is none."""
    try:
        found = json.loads(read_bytes(path).decode())
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON; fetch or save it again") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is not a JSON object; fetch or save it again")
    return found
