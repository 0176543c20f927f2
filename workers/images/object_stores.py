"""Pictures in object stores: `s3://bucket/key` and `gs://bucket/key`, of the buckets that the operator named.

Who may read there, and where the store is, is said by the variables of the stores' own clients (`AWS_…`, `GOOGLE_…`).
A key is asked for as it stands in the address: nothing in it is decoded, and `?` and `#` are letters as all others.

In threads, though the library has coroutines as well: a process that ends soon after one of those is aborted by it, one
time of six (obstore 0.12.1).
"""

import asyncio
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore, S3Store

from streams.errors import BadMessage, SlowDown
from workers.images.displayed_urls import displayed_url
from workers.images.file_kinds import kind_of
from workers.images.limits import ImageLimits
from workers.images.responses import NO_PICTURE, Fetched, NoConnection, NotYet, TimedOut

if TYPE_CHECKING:  # they exist for type checkers alone
    from obstore.store import ClientConfig, RetryConfig

_READERS = 64
"""Threads: as many as one bucket may be asked for at a time (`HostLimits.share_most`)."""
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_OUR_KEYS = {
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed",
    "InvalidSecurity",
}
"""What S3 says of credentials that are none, with 400 or 403: it says nothing of the picture."""
Store = S3Store | GCSStore


class ObjectStores:
    """Reads objects of the buckets in `allowed`, in threads of its own."""

    def __init__(self, allowed: tuple[str, ...], limits: ImageLimits, ca_file: Path | None) -> None:
        self._allowed, self._limits, self._ca_file = allowed, limits, ca_file
        self._stores: dict[str, Store] = {}
        self._making = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="index-bucket")

    def close(self) -> None:
        """Begin nothing more; what is being read is not waited for."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def read(self, url: str, deadline: float) -> Fetched:
        """The object at `url`; `deadline` is of the monotonic clock.

        Raises BadMessage (image-refused, image-missing, image-too-large), NotYet, SlowDown (busy), NoConnection.
        """
        bucket, _, key = url.strip().partition("://")[2].partition("/")
        name = f"{url.strip().partition('://')[0].lower()}://{bucket}"
        if name not in self._allowed:
            raise BadMessage("image-refused", f"{displayed_url(url)}: its bucket is not among LOOKALIKE_IMAGE_BUCKETS")
        if not key:
            raise BadMessage("image-refused", f"{displayed_url(url)}: it has no key")
        reading = asyncio.get_running_loop().run_in_executor(self._readers, self._get, name, key, url)
        try:
            fetched = await asyncio.wait_for(reading, max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise TimedOut(f"not read within {self._limits.seconds:g} s") from None
        except FileNotFoundError as error:
            raise NotYet("image-missing", f"{displayed_url(url)}: {_says(error)}") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            if _code(error) in _OUR_KEYS or isinstance(error, UnauthenticatedError):
                raise NoConnection(f"{name} does not take our credentials: {_says(error)}") from None
            raise NotYet("image-missing", f"{displayed_url(url)}: {_says(error)}") from None
        except BaseError as error:
            raise _failure(name, error) from None
        if kind_of(fetched.data) in NO_PICTURE:
            raise NotYet("image-undecodable", f"{displayed_url(url)}: it is no picture; what came is {fetched.came}")
        return fetched

    def _get(self, name: str, key: str, url: str) -> Fetched:
        most = self._limits.bytes
        try:
            found = obstore.get(self._store(name), key)
        except ValueError as error:  # before anything is asked
            raise BadMessage(
                "image-refused", f"{displayed_url(url)}: its key can't be asked for: {error}"[:500]
            ) from None
        if found.meta["size"] > most:
            raise BadMessage("image-too-large", f"{displayed_url(url)}: {found.meta['size']} bytes, more than {most}")
        data = bytearray()
        for piece in found.stream(min_chunk_size=65_536):
            data += piece
            if len(data) > most:
                raise BadMessage("image-too-large", f"{displayed_url(url)}: more than {most} bytes")
        return Fetched(bytes(data), content_type=str(found.attributes.get("Content-Type", "")))

    def _store(self, name: str) -> Store:
        with self._making:
            if name not in self._stores:
                self._stores[name] = self._make(name)
            return self._stores[name]

    def _make(self, name: str) -> Store:
        options: ClientConfig = {
            "connect_timeout": f"{self._limits.connect_seconds}s",
            "timeout": f"{self._limits.seconds}s",
            "user_agent": "lookalike",
            "allow_http": True,  # stores have https addresses, unless the operator's environment says otherwise
        }
        if self._ca_file:
            options["root_certificate"] = self._ca_file.read_bytes()
        retry: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=self._limits.seconds)}
        scheme, _, bucket = name.partition("://")
        if scheme == "s3":
            return S3Store(bucket, client_options=options, retry_config=retry)
        return GCSStore(bucket, client_options=options, retry_config=retry)


def _failure(name: str, error: BaseError) -> SlowDown:
    if _STATUS.search(str(error)) and _code(error) not in _OUR_KEYS:
        return SlowDown(_says(error))
    return NoConnection(f"{name}: {_says(error)}")


def _says(error: Exception) -> str:
    """What a store answered; the rest of an error's text is for programmers."""
    status = _STATUS.search(str(error))
    if status is None:
        return " ".join(str(error).partition("Debug source")[0].split())[:200]
    return " ".join(filter(None, (f"HTTP {status[1]}", _code(error))))


def _code(error: Exception) -> str:
    code = _CODE.search(str(error))
    return code[1] if code else ""
