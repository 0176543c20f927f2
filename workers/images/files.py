"""Pictures at `file://` URLs: below a root that the operator allows, read within a time limit.

A root may be a network disk: it can hang, or fail with errors that have nothing to do with the picture.
"""

import asyncio
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from streams.errors import BadMessage, Broken, SlowDown
from workers.images.displayed_urls import displayed_url
from workers.images.limits import ImageLimits

_NO_FILE = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}
TOO_MANY_OPEN_FILES = {errno.EMFILE, errno.ENFILE}
"""This process, or this machine, has too many open files: the fault of no picture and no host."""
_READERS = 16
"""Threads; a root that hangs blocks one for each probe until the disk answers."""


class Files:
    """Reads files in its own threads, so that a disk that hangs blocks nothing else."""

    def __init__(self, roots: tuple[Path, ...], limits: ImageLimits) -> None:
        self._roots, self._limits = roots, limits
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="index-read")

    def close(self) -> None:
        """Start no more reads; running ones are not waited for."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def read(self, url: str) -> bytes:
        """The bytes of a file.

        Raises BadMessage (image-refused, image-missing, image-too-large), SlowDown if the disk fails or hangs, and
        Broken if too many files are open.
        """
        reading = asyncio.get_running_loop().run_in_executor(self._readers, self._read, url)
        try:
            return await asyncio.wait_for(reading, self._limits.seconds)
        except TimeoutError:
            raise SlowDown(f"not read within {self._limits.seconds:.0f} s") from None

    def _read(self, url: str) -> bytes:
        try:
            path = self._path(url)
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
                raise BadMessage("image-missing", f"{displayed_url(url)}: there is no such file")
            if status.st_size > self._limits.bytes:
                raise BadMessage("image-too-large", f"{displayed_url(url)}: more than {self._limits.bytes} bytes")
            return path.read_bytes()
        except OSError as error:
            if error.errno in _NO_FILE:
                raise BadMessage("image-missing", f"{displayed_url(url)}: {error.strerror}") from None
            if error.errno in TOO_MANY_OPEN_FILES:
                raise Broken(f"pictures can't be read: {error.strerror}; raise the limit (ulimit -n)") from None
            raise SlowDown(os.strerror(error.errno or errno.EIO)) from None

    def _path(self, url: str) -> Path:
        """The file's real path; raises BadMessage (image-refused) if it is not below a root."""
        parts = urlsplit(url)
        try:
            path = Path(os.fsdecode(unquote_to_bytes(parts.path))).resolve()
        except (ValueError, RuntimeError):  # a NUL in its name, a loop of links
            raise BadMessage("image-refused", f"{displayed_url(url)}: it is no path") from None
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if parts.netloc not in ("", "localhost") or root is None:
            raise BadMessage("image-refused", f"{displayed_url(url)}: it is not below LOOKALIKE_IMAGE_ROOTS")
        if not root.is_dir():
            raise SlowDown("its root is not there")
        return path
