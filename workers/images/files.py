"""Reading pictures of `file://` addresses: below a root that the operator named, and never for longer than allowed.

A root may be a disk over the network: it can hang, or answer with errors that say nothing about the picture.
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
OURS = {errno.EMFILE, errno.ENFILE}
"""We, or this machine, have too many files open: no picture and no host is to blame."""
_READERS = 16
"""Threads, of which a root that hangs holds one for each probe until the disk answers."""


class Files:
    """Reads files in threads of its own, so that a disk that hangs stops nothing else."""

    def __init__(self, roots: tuple[Path, ...], limits: ImageLimits) -> None:
        self._roots, self._limits = roots, limits
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="index-read")

    def close(self) -> None:
        """Begin nothing more; a read that hangs is not waited for."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def read(self, url: str) -> bytes:
        """The bytes of a file.

        Raises BadMessage (image-refused, image-missing, image-too-large), SlowDown where the disk is at fault, and
        Broken where too many files are open.
        """
        reading = asyncio.get_running_loop().run_in_executor(self._readers, self._read, url)
        try:
            return await asyncio.wait_for(reading, self._limits.seconds)
        except TimeoutError:
            raise SlowDown(f"not read within {self._limits.seconds:.0f} s") from None

    def _read(self, url: str) -> bytes:
        try:
            path = self._path(url)
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
                raise BadMessage("image-missing", f"{displayed_url(url)}: there is no such file")
            if found.st_size > self._limits.bytes:
                raise BadMessage("image-too-large", f"{displayed_url(url)}: more than {self._limits.bytes} bytes")
            return path.read_bytes()
        except OSError as error:
            if error.errno in _NO_FILE:
                raise BadMessage("image-missing", f"{displayed_url(url)}: {error.strerror}") from None
            if error.errno in OURS:
                raise Broken(f"pictures can't be read: {error.strerror}; raise the limit (ulimit -n)") from None
            raise SlowDown(os.strerror(error.errno or errno.EIO)) from None

    def _path(self, url: str) -> Path:
        """The file's real path; raises BadMessage (image-refused) where it is not below a root."""
        parts = urlsplit(url)
        try:
            path = Path(os.fsdecode(unquote_to_bytes(parts.path))).resolve()
        except (ValueError, RuntimeError):  # a NUL in its name, links in a circle
            raise BadMessage("image-refused", f"{displayed_url(url)}: it is no path") from None
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if parts.netloc not in ("", "localhost") or root is None:
            raise BadMessage("image-refused", f"{displayed_url(url)}: it is not below LOOKALIKE_IMAGE_ROOTS")
        if not root.is_dir():
            raise SlowDown("its root is not there")
        return path
