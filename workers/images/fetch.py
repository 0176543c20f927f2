"""Fetching images from http(s) and file sources: checked addresses, capped bytes and time, bounded retries.

Three ways to fail: the picture is bad (BadMessage), its host is away (HostAway), or we are broken (Broken). That one
address fails while its host works is the first of these; no connection, no answer in time, or a host of which
nothing works is the second.
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import structlog
from yarl import URL

from streams.failures import BadMessage, Broken, SlowDown
from streams.settings import Settings
from workers.images.addresses import allowed, parse_address
from workers.images.files import OURS, Files
from workers.images.hosts import HostAway, Hosts
from workers.images.limits import HostLimits, ImageLimits
from workers.images.resolve import CheckedResolver, check_address
from workers.images.retry_after import wait_asked
from workers.images.shown import host_of, shown

_BUSY = {408, 425, 429}
"""And 500 and above: the host, or what stands before it, can't answer at the moment."""
_REDIRECT = {301, 302, 303, 307, 308}
_HEADERS = {"User-Agent": "lookalike", "Accept": "image/jpeg,image/png,image/webp", "Accept-Encoding": "identity"}


_log = structlog.get_logger(__name__)


class _NoConnection(SlowDown):
    """No answer, or none in time: nothing is known of the picture, and its host may be away."""


class Fetcher:
    """Gets the bytes of an image; one for each worker, used on one event loop as `async with`."""

    def __init__(self, settings: Settings, limits: ImageLimits, host_limits: HostLimits) -> None:
        self.limits, self.host_limits = limits, host_limits
        self.hosts = Hosts(host_limits, _tell)
        self._allowed, self._roots = settings.image_hosts, settings.image_roots
        self._files = Files(settings.image_roots, limits)
        self._resolver = CheckedResolver(settings.image_hosts)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver, limit=0, limit_per_host=self.host_limits.share_most, ttl_dns_cache=60
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
        await self._resolver.close()  # the connector closes only a resolver of its own making
        self._files.close()

    def host_of(self, url: str) -> str:
        """Who is asked for `url`: what its failures, and its share of the work, are counted by."""
        return host_of(url, self._roots)

    async def fetch_all(self, urls: Sequence[str]) -> list[bytes]:
        """As `fetch`, several at once: the first failure ends the others. A bad picture counts before a host away."""
        fetches = [asyncio.ensure_future(self.fetch(url)) for url in urls]
        try:
            await asyncio.wait(fetches, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
        failures = [error for fetch in fetches if not fetch.cancelled() and (error := fetch.exception())]
        if failures:
            raise next((each for each in failures if not isinstance(each, HostAway)), failures[0])
        return [fetch.result() for fetch in fetches]

    async def fetch(self, url: str) -> bytes:
        """The bytes behind `url`.

        Raises BadMessage: image-refused (scheme, host, address, root), image-missing (gone, forbidden),
        image-too-large, fetch-exhausted (its host works, but this address failed in each attempt). HostAway where its
        host can't be asked, did not answer in any attempt, or wants to be asked much later. Broken where we are.
        """
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            raise BadMessage("image-refused", "it is no address") from None
        if scheme not in ("http", "https", "file"):
            raise BadMessage("image-refused", f"{shown(url)}: only http, https and file are fetched")
        for attempt in range(1, self.limits.attempts + 1):
            try:
                return await (self._read(url) if scheme == "file" else self._get(url))
            except HostAway as away:  # found so before it was asked
                away.attempts = attempt - 1
                raise
            except SlowDown as failed:
                wait = self._wait(url, failed, attempt)
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, url: str, failed: SlowDown, attempt: int) -> float:
        """Seconds until the next attempt in place; raises HostAway or BadMessage where there is to be none."""
        error, asked = f"{shown(url)}: {failed}", failed.retry_after
        left = self.hosts.away_for(self.host_of(url), time.monotonic())
        if left or (asked is not None and asked > self.limits.retry_after_seconds):
            raise HostAway(error, attempts=attempt, retry_after=max(left, asked or 0.0)) from None
        if attempt == self.limits.attempts:
            if isinstance(failed, _NoConnection):
                raise HostAway(error, attempts=attempt, retry_after=asked) from None
            raise BadMessage("fetch-exhausted", error, attempts=attempt) from None
        return asked if asked is not None else 0.5 * 2 ** (attempt - 1)

    async def _read(self, url: str) -> bytes:
        with _Attempt(self.hosts, self.host_of(url), url):
            try:
                return await self._files.read(url)
            except SlowDown as failed:
                raise _NoConnection(str(failed)) from None

    async def _get(self, url: str) -> bytes:
        try:
            here = URL(url)
            for _ in range(self.limits.redirects + 1):
                self._check(here)
                with _Attempt(self.hosts, self.host_of(str(here)), url):
                    answer = await self._ask(here)
                if isinstance(answer, bytes):
                    return answer
                here = here.join(answer)
        except aiohttp.InvalidURL:
            raise BadMessage("image-refused", f"{shown(url)}: it is no address") from None
        except ValueError:
            raise BadMessage("image-refused", f"{shown(url)}: it is no address") from None
        raise BadMessage("image-refused", f"{shown(url)}: more than {self.limits.redirects} redirects")

    async def _ask(self, here: URL) -> bytes | URL:
        """The body of one answer, or where it redirects to."""
        try:
            async with self._session.get(here, allow_redirects=False) as response:
                if response.status in _REDIRECT:
                    return URL(response.headers.get("Location", ""))
                return await self._body(response, str(here))
        except aiohttp.InvalidURL:
            raise
        except aiohttp.ClientPayloadError:
            raise SlowDown("the answer was cut short") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, BadMessage):  # the resolver's refusal, wrapped by the connector
                raise error.__cause__ from None
            if isinstance(error, OSError) and error.errno in OURS:
                raise Broken(f"no picture can be fetched: {error.strerror}; raise the limit (ulimit -n)") from None
            raise _NoConnection(f"{type(error).__name__} {_plain(error)}".strip()) from None

    async def _body(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        if response.status in _BUSY or response.status >= 500:
            raise SlowDown(f"HTTP {response.status}", retry_after=wait_asked(response.headers))
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
            permission = allowed(url.host, url.port or 0, self._allowed)
            host = url.host.rstrip(".")  # aiohttp takes `127.0.0.1.` for an address as well
            if parse_address(host) is not None:  # the resolver is not asked for what is an address already
                check_address(host, permission)
        except BadMessage as refused:
            raise BadMessage(refused.reason, f"{shown(str(url))}: {refused.error}") from None


class _Attempt:
    """One attempt at a host: `with` says when it is over, and whether the host is to be blamed for its failure."""

    def __init__(self, hosts: Hosts, host: str, url: str) -> None:
        self._hosts, self._host, self._url = hosts, host, url
        self._number = 0
        self._began = time.monotonic()

    def __enter__(self) -> None:
        self._number = self._hosts.begin(self._host, self._began)

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        now = time.monotonic()
        self._hosts.end(self._host, self._number)
        if isinstance(error, SlowDown):
            self._hosts.failed(self._host, self._url, now, retry_after=error.retry_after or 0.0)
        elif error is None or (isinstance(error, BadMessage) and error.reason != "image-refused"):
            # What it answered may be of no use, but it did answer.
            self._hosts.succeeded(self._host, now - self._began, now)


def _tell(host: str, away: bool) -> None:
    if away:
        _log.warning("host_away", host=host)
    else:
        _log.info("host_back", host=host)


def _plain(error: BaseException) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else ""
