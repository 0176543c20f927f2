"""Pictures in object stores: `s3://bucket/key` and `gs://bucket/key`, in the buckets that the operator allows.

Credentials and endpoints are set by the variables of the stores' own clients (`AWS_…`, `GOOGLE_…`). A key is used as
it is in the URL: nothing in it is decoded, and `?` and `#` are ordinary characters.

Reads run in threads, although the library has coroutines: a process that ends soon after one of those is aborted by it,
one time in six (obstore 0.12.1).
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

if TYPE_CHECKING:  # they exist only for type checkers
    from obstore.store import ClientConfig, RetryConfig

_READERS = 64
"""Threads: as many as concurrent fetches from one bucket (`HostLimits.max_share`)."""
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_CREDENTIAL_ERRORS = {
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed",
    "InvalidSecurity",
}
"""Error codes of S3 for bad credentials, with 400 or 403; no statement on the picture."""
Store = S3Store | GCSStore


class ObjectStores:
    """Reads objects of the buckets in `allowed`, in its own threads."""

    def __init__(self, allowed: tuple[str, ...], limits: ImageLimits, ca_file: Path | None) -> None:
        self._allowed, self._limits, self._ca_file = allowed, limits, ca_file
        self._stores: dict[str, Store] = {}
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="index-bucket")

    def close(self) -> None:
        """Start no more reads; running ones are not waited for."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def read(self, url: str, deadline: float) -> Fetched:
        """The object at `url`; `deadline` is in monotonic seconds.

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
            raise NotYet("image-missing", f"{displayed_url(url)}: {_error_text(error)}") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            if _code(error) in _CREDENTIAL_ERRORS or isinstance(error, UnauthenticatedError):
                raise NoConnection(f"{name} does not take our credentials: {_error_text(error)}") from None
            raise NotYet("image-missing", f"{displayed_url(url)}: {_error_text(error)}") from None
        except BaseError as error:
            raise _failure(name, error) from None
        if kind_of(fetched.data) in NO_PICTURE:
            raise NotYet(
                "image-undecodable", f"{displayed_url(url)}: it is no picture; what came is {fetched.description}"
            )
        return fetched

    def _get(self, name: str, key: str, url: str) -> Fetched:
        max_bytes = self._limits.bytes
        try:
            response = obstore.get(self._store(name), key)
        except ValueError as error:  # before any request
            raise BadMessage(
                "image-refused", f"{displayed_url(url)}: its key can't be asked for: {error}"[:500]
            ) from None
        if response.meta["size"] > max_bytes:
            raise BadMessage(
                "image-too-large", f"{displayed_url(url)}: {response.meta['size']} bytes, more than {max_bytes}"
            )
        data = bytearray()
        for chunk in response.stream(min_chunk_size=65_536):
            data += chunk
            if len(data) > max_bytes:
                raise BadMessage("image-too-large", f"{displayed_url(url)}: more than {max_bytes} bytes")
        return Fetched(bytes(data), content_type=str(response.attributes.get("Content-Type", "")))

    def _store(self, name: str) -> Store:
        with self._lock:
            if name not in self._stores:
                self._stores[name] = self._make(name)
            return self._stores[name]

    def _make(self, name: str) -> Store:
        options: ClientConfig = {
            "connect_timeout": f"{self._limits.connect_seconds}s",
            "timeout": f"{self._limits.seconds}s",
            "user_agent": "lookalike",
            "allow_http": True,  # stores use https unless the operator's environment sets an http endpoint
        }
        if self._ca_file:
            options["root_certificate"] = self._ca_file.read_bytes()
        retry: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=self._limits.seconds)}
        scheme, _, bucket = name.partition("://")
        if scheme == "s3":
            return S3Store(bucket, client_options=options, retry_config=retry)
        return GCSStore(bucket, client_options=options, retry_config=retry)


def _failure(name: str, error: BaseError) -> SlowDown:
    if _STATUS.search(str(error)) and _code(error) not in _CREDENTIAL_ERRORS:
        return SlowDown(_error_text(error))
    return NoConnection(f"{name}: {_error_text(error)}")


def _error_text(error: Exception) -> str:
    """The status and error code of a store, without the library's debug output."""
    status = _STATUS.search(str(error))
    if status is None:
        return " ".join(str(error).partition("Debug source")[0].split())[:200]
    return " ".join(filter(None, (f"HTTP {status[1]}", _code(error))))


def _code(error: Exception) -> str:
    code = _CODE.search(str(error))
    return code[1] if code else ""
