"""The key of keyed hashes: what was erased is remembered by a hash that nobody can reverse without the key."""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from streams.errors import UsageError
from streams.local_files import local_file
from streams.settings import Settings

_LEAST = 16  # characters; a shorter key could be guessed


class HashKey:
    """Makes keyed hashes; `key_id` tells two keys apart and says nothing of either."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.key_id = self.of("lookalike:key-id")[:12]

    def of(self, text: str) -> str:
        """The HMAC-SHA256 of `text`, as 64 hexadecimal digits."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def key_file(settings: Settings) -> Path:
    """Where the key lies where `LOOKALIKE_HASH_KEY` is not set: enough for one machine, not for several."""
    return settings.data / "hash.key"


def read_hash_key(settings: Settings, *, make: bool = False) -> HashKey:
    """The key from the settings, or from its file, which `make` creates once (mode 0600).

    Raises UsageError where there is none, or one that could be guessed.
    """
    key = settings.hash_key.get_secret_value()
    if not key:
        file = key_file(settings)
        remedy = "restore it, or set LOOKALIKE_HASH_KEY to the key that it held: another key knows nothing erased"
        with local_file(file, remedy):
            if make and not file.exists():
                _make(file)
            key = _read(file) if file.exists() else ""
    if not key:
        raise UsageError(
            f"LOOKALIKE_HASH_KEY is not set and {key_file(settings)} is not there: without the key that listings were "
            "erased with, nobody can tell which they are",
        )
    if len(key) < _LEAST:
        raise UsageError(f"LOOKALIKE_HASH_KEY: at least {_LEAST} characters, or it could be guessed")
    return HashKey(key)


def _read(file: Path) -> str:
    """Raises ValueError for a file that holds no key."""
    key = file.read_text(encoding="ascii").strip()
    if len(key) < _LEAST or not key.isprintable():
        raise ValueError(f"it holds no key of {_LEAST} characters or more")
    return key


def _make(file: Path) -> None:
    """Written whole before it has its name, so that of two who make it at once both read the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as new:
            new.write(secrets.token_hex(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
