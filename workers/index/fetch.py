"""Fetching images from http(s) and file sources: checked addresses, capped bytes and time, bounded retries."""

import asyncio
import errno
import socket
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from streams.failures import BadMessage, SlowDown
from streams.settings import Settings
from workers.index.addresses import allowed, is_public, parse_address
from workers.index.limits import Capacity, ImageLimits

_GONE = {404, 410}
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
_REDIRECT = {301, 302, 303, 307, 308}
_HEADERS = {"User-Agent": "lookalike", "Accept": "image/jpeg,image/png,image/webp", "Accept-Encoding": "identity"}


class _CheckedResolver(AbstractResolver):
    """Looks a name up once, and hands on only addresses that it may have: the connection goes to what was checked."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        permission = allowed(host, port, self._hosts)
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        for *_, sockaddr in infos:
            _check_address(str(sockaddr[0]), permission)
        return [
            ResolveResult(
                hostname=host, host=str(sockaddr[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, sockaddr in infos
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Fetcher:
    """Gets the bytes of an image; one for each worker, used on one event loop as `async with`."""

    def __init__(self, settings: Settings, limits: ImageLimits, capacity: Capacity) -> None:
        self.limits = limits
        self._hosts, self._roots, self._per_host = settings.image_hosts, settings.image_roots, capacity.per_host
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._hosts), limit=0, limit_per_host=self._per_host, ttl_dns_cache=60
        )
        self._session = aiohttp.ClientSession(
            connector=connector, headers=_HEADERS, auto_decompress=False, trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self.limits.seconds, sock_connect=self.limits.connect_seconds),
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """The bytes behind `url`.

        Raises BadMessage: image-refused (scheme, host, address, root), image-missing (gone, forbidden),
        image-too-large, fetch-exhausted (its host did not deliver in any attempt).
        """
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            raise BadMessage("image-refused", "it is no address") from None
        if scheme == "file":
            return await asyncio.to_thread(self._read_file, url)
        if scheme not in ("http", "https"):
            raise BadMessage("image-refused", f"{shown(url)}: only http, https and file are fetched")
        for attempt in range(1, self.limits.attempts + 1):
            try:
                return await self._get(url)
            except SlowDown as away:
                if attempt == self.limits.attempts:
                    raise BadMessage("fetch-exhausted", f"{shown(url)}: {away}", attempts=attempt) from None
                wait = away.retry_after if away.retry_after is not None else 0.5 * 2 ** (attempt - 1)
                await asyncio.sleep(min(wait, self.limits.retry_after_seconds))
        raise AssertionError("the last attempt returns or raises")

    async def _get(self, url: str) -> bytes:
        try:
            here = URL(url)
            for _ in range(self.limits.redirects + 1):
                self._check(here)
                async with self._session.get(here, allow_redirects=False) as response:
                    if response.status not in _REDIRECT:
                        return await self._body(response, str(here))
                    here = here.join(URL(response.headers.get("Location", "")))
        except aiohttp.InvalidURL:
            raise BadMessage("image-refused", f"{shown(url)}: it is no address") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, BadMessage):  # the resolver's refusal, wrapped by the connector
                raise error.__cause__ from None
            raise SlowDown(f"{type(error).__name__} {_plain(error)}") from None
        except ValueError:
            raise BadMessage("image-refused", f"{shown(url)}: it is no address") from None
        raise BadMessage("image-refused", f"{shown(url)}: more than {self.limits.redirects} redirects")

    async def _body(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        if response.status in _TRY_AGAIN:
            raise SlowDown(f"HTTP {response.status}", retry_after=_retry_after(response.headers.get("Retry-After")))
        if response.status != 200:
            raise BadMessage("image-missing", f"{shown(url)}: HTTP {response.status}")
        cap = self.limits.bytes
        if (response.content_length or 0) > cap:
            raise BadMessage("image-too-large", f"{shown(url)}: {response.content_length} bytes, more than {cap}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > cap:
                raise BadMessage("image-too-large", f"{shown(url)}: more than {cap} bytes")
        return bytes(body)

    def _check(self, url: URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise BadMessage("image-refused", f"{shown(str(url))}: it leads to no http(s) host")
        try:
            permission = allowed(url.host, url.port or 0, self._hosts)
            host = url.host.rstrip(".")  # aiohttp takes `127.0.0.1.` for an address as well
            if parse_address(host) is not None:  # the resolver is not asked for what is an address already
                _check_address(host, permission)
        except BadMessage as refused:
            raise BadMessage(refused.reason, f"{shown(str(url))}: {refused.error}") from None

    def _read_file(self, url: str) -> bytes:
        parts = urlsplit(url)
        try:
            path = Path(unquote(parts.path)).resolve()
        except (ValueError, RuntimeError) as error:  # a NUL in its name, links in a circle
            raise BadMessage("image-refused", f"{shown(url)}: {error}") from None
        if parts.netloc not in ("", "localhost") or not any(path.is_relative_to(root) for root in self._roots):
            raise BadMessage("image-refused", f"{shown(url)}: it is not below LOOKALIKE_IMAGE_ROOTS")
        try:
            if not path.is_file():  # a pipe would be waited for
                raise BadMessage("image-missing", f"{shown(url)}: there is no such file")
            if path.stat().st_size > self.limits.bytes:
                raise BadMessage("image-too-large", f"{shown(url)}: more than {self.limits.bytes} bytes")
            return path.read_bytes()
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            raise BadMessage("image-missing", f"{shown(url)}: {error.strerror}") from None


def shown(url: str) -> str:
    """A URL as it may stand in a log or a dead letter: no credentials, no query string."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    return f"{parts.scheme}://{host}{parts.path}"[:300]


def _check_address(text: str, permission: str) -> None:
    address = parse_address(text)
    if address is None or (permission != "any" and not is_public(address)):
        raise BadMessage("image-refused", "its address is not a public one")


def _retry_after(value: str | None) -> float | None:
    """Seconds; the form with a date is rare enough to be answered with our own back-off."""
    return float(value) if value and value.isdigit() else None


def _plain(error: BaseException) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else ""
