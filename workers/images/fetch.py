"""Fetching images by http(s), from files and from buckets: checked addresses, capped bytes and time, bounded retries.

Three ways to fail: the picture is bad (BadMessage), its host is away (HostAway), or we are broken (Broken). That one
address fails while its host works is the first of these; no connection, no answer in time, or a host of which
nothing works is the second.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from streams.errors import BadMessage, Broken, SlowDown
from streams.image_urls import SCHEMES, STORES
from streams.settings import Settings
from streams.tls import tls_context
from workers.images.address_policy import allowed, parse_address
from workers.images.attempt import Attempt
from workers.images.circuit_breaker import HostCircuitBreaker, HostUnavailable
from workers.images.concurrency_shares import ConcurrencyShares
from workers.images.displayed_urls import displayed_url, host_of
from workers.images.files import TOO_MANY_OPEN_FILES, Files
from workers.images.limits import HostLimits, ImageLimits
from workers.images.object_stores import ObjectStores
from workers.images.picture_source import PictureSource, picture_source_of
from workers.images.request_headers import RequestHeaders, same_host
from workers.images.resolver import CheckedResolver, check_address
from workers.images.responses import Fetched, MalformedResponse, NoConnection, TimedOut, read_response
from workers.images.urls import parse_url, redirected

_REDIRECT = {301, 302, 303, 307, 308}
_LINE_BYTES, _HEADERS_MOST = 262_144, 1_000
"""Of a header line, and header lines of an answer: as much as browsers take."""

_log = structlog.get_logger(__name__)


class Fetcher:
    """Gets the bytes of an image; one for each worker, used on one event loop as `async with`."""

    def __init__(self, settings: Settings, limits: ImageLimits, host_limits: HostLimits) -> None:
        self.limits, self.host_limits = limits, host_limits
        self.hosts, self.shares = HostCircuitBreaker(host_limits, _tell), ConcurrencyShares(host_limits)
        self._allowed, self._roots = settings.image_hosts, settings.image_roots
        self._files = Files(settings.image_roots, limits)
        self._buckets = ObjectStores(settings.image_buckets, limits, settings.ca_file)
        self._resolver = CheckedResolver(settings.image_hosts)
        self._headers, self._tls = RequestHeaders(settings.image_headers), tls_context(settings)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            ssl=self._tls,
            limit=0,
            limit_per_host=self.host_limits.max_share,
            use_dns_cache=False,  # the resolver has one of its own
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            max_headers=_HEADERS_MOST,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._resolver.close()  # the connector closes only a resolver of its own making
        self._files.close()
        self._buckets.close()

    def host_of(self, url: str) -> str:
        """Who is asked for `url`: host and port, or a root."""
        return host_of(url, self._roots)

    def source_of(self, url: str, seller: str) -> PictureSource | None:
        """The parties that a fetch of `url` counts for; None if its host has to be looked up first."""
        host = self.host_of(url)
        if not host or not url[:5].lower().startswith("http"):
            return picture_source_of(url, seller, (), self._roots)
        addresses = self._resolver.known(host.rsplit(":", 1)[0])
        return None if addresses is None else picture_source_of(url, seller, addresses, self._roots)

    def source_by_name(self, url: str, seller: str) -> PictureSource:
        """As `origin`, as far as it is known without a look-up."""
        return picture_source_of(url, seller, (), self._roots)

    async def look_up(self, url: str, seller: str) -> PictureSource:
        """As `origin`, after a look-up; a host that is not found in time is known by its name alone."""
        addresses: tuple[str, ...] = ()
        try:
            name = self.host_of(url).rsplit(":", 1)[0]
            addresses = await asyncio.wait_for(self._resolver.addresses(name), self.limits.connect_seconds)
        except (OSError, ValueError, TimeoutError):
            pass
        return picture_source_of(url, seller, addresses, self._roots)

    async def fetch_all(self, urls: Sequence[str], seller: str = "") -> list[Fetched]:
        """As `fetch`, several at once: the first failure ends the others. A bad picture counts before a host away."""
        if len(urls) == 1:  # as nearly always, and a task less
            return [await self.fetch(urls[0], seller)]
        fetches = [asyncio.ensure_future(self.fetch(url, seller)) for url in urls]
        try:
            await asyncio.wait(fetches, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
        failures = [error for fetch in fetches if not fetch.cancelled() and (error := fetch.exception())]
        if failures:
            raise next((each for each in failures if not isinstance(each, HostUnavailable)), failures[0])
        return [fetch.result() for fetch in fetches]

    async def fetch(self, url: str, seller: str = "") -> Fetched:
        """The bytes behind `url`, which `seller` published (empty if that is not known).

        Raises BadMessage: image-refused (scheme, host, address, root), image-missing (gone, forbidden),
        image-too-large, image-undecodable (an encoding of the answer, HTML), fetch-exhausted (its host works, but this
        address failed in each attempt); NotYet among them. HostAway if its host can't be asked, did not answer, or
        wants to be asked much later. Broken if we are.
        """
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            raise BadMessage("image-refused", "it is no address") from None
        if scheme not in SCHEMES:
            raise BadMessage("image-refused", f"{displayed_url(url)}: only {', '.join(SCHEMES)} are fetched")
        deadline = time.monotonic() + self.limits.seconds
        for attempt in range(1, self.limits.attempts + 1):
            try:
                if scheme in ("http", "https"):
                    return await self._get(url, seller, deadline)
                return await self._read(url, scheme, seller, deadline)
            except HostUnavailable as away:  # found so before it was asked
                away.attempts = attempt - 1
                raise
            except SlowDown as failed:
                wait = self._wait(url, seller, failed, attempt, deadline)
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, url: str, seller: str, failed: SlowDown, attempt: int, deadline: float) -> float:
        """Seconds until the next attempt in place; raises HostAway or BadMessage if there is to be none."""
        error, asked, now = f"{displayed_url(url)}: {failed}", failed.retry_after, time.monotonic()
        left = self.hosts.away_for(self.host_of(url), now, seller)
        wait = asked if asked is not None else 0.5 * 2 ** (attempt - 1)
        long = (asked or 0.0) > self.limits.retry_after_seconds
        last = attempt == self.limits.attempts
        if last and not isinstance(failed, NoConnection) and not left and not long:
            raise BadMessage("fetch-exhausted", error, attempts=attempt) from None
        if last or left or long or isinstance(failed, TimedOut) or wait > deadline - now:
            after = max(left, asked or 0.0) if left or asked is not None else None
            raise HostUnavailable(error, attempts=attempt, retry_after=after) from None
        return wait

    async def _read(self, url: str, scheme: str, seller: str, deadline: float) -> Fetched:
        with Attempt(self.hosts, self.host_of(url), url, seller):
            if scheme in STORES:
                return await self._buckets.read(url, deadline)
            try:
                return Fetched(await self._files.read(url))
            except SlowDown as failed:
                raise NoConnection(str(failed)) from None

    async def _get(self, url: str, seller: str, deadline: float) -> Fetched:
        name = displayed_url(url)
        here, trusted = _parsed(url, name), True
        for _ in range(self.limits.redirects + 1):
            self._check(here, name)
            with Attempt(self.hosts, self.host_of(str(here)), url, seller):
                answer = await self._ask(here, name, deadline, self._headers.of(here, trusted=trusted))
            if isinstance(answer, Fetched):
                return answer
            try:
                to = redirected(here, answer)
            except ValueError:
                raise BadMessage("image-refused", f"{name}: it redirects to what is no address") from None
            here, trusted = to, trusted and same_host(here, to)
            name = f"{displayed_url(url)}, redirected to {displayed_url(str(here))}"
        raise BadMessage("image-refused", f"{displayed_url(url)}: more than {self.limits.redirects} redirects")

    async def _ask(self, here: URL, name: str, deadline: float, headers: Mapping[str, str]) -> Fetched | str:
        """The picture in one answer, or where it redirects to."""
        left = max(deadline - time.monotonic(), 0.001)
        limit = aiohttp.ClientTimeout(total=left, sock_connect=self.limits.connect_seconds)
        try:
            async with self._session.get(here, headers=headers, allow_redirects=False, timeout=limit) as response:
                if response.status in _REDIRECT and "Location" in response.headers:
                    return response.headers["Location"]
                return await read_response(response, name, self.limits.bytes)
        except aiohttp.InvalidURL:
            raise BadMessage("image-refused", f"{name}: it is no address") from None
        except aiohttp.ClientPayloadError as error:
            raise _of_payload(error) from None
        except aiohttp.ClientResponseError as error:  # no such answer exists: a bad status line, a bad header
            raise MalformedResponse(f"its answer breaks the rules of HTTP: {_one_line(error.message)}") from None
        except TimeoutError:
            raise TimedOut(
                f"no whole answer within {self.limits.seconds:g} s, or no connection within "
                f"{self.limits.connect_seconds:g} s"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, BadMessage):  # the resolver's refusal, wrapped by the connector
                raise error.__cause__ from None
            if isinstance(error, OSError) and error.errno in TOO_MANY_OPEN_FILES:
                raise Broken(f"no picture can be fetched: {error.strerror}; raise the limit (ulimit -n)") from None
            raise NoConnection(f"{type(error).__name__} {_plain(error)}".strip()) from None

    def _check(self, url: URL, name: str) -> None:
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise BadMessage("image-refused", f"{name}: it leads to no http(s) host")
        try:
            permission = allowed(url.raw_host, url.port or 0, self._allowed)
            host = url.raw_host.rstrip(".")  # aiohttp takes `127.0.0.1.` for an address as well
            if parse_address(host) is not None:  # the resolver is not asked for what is an address already
                check_address(host, permission)
        except BadMessage as refused:
            raise BadMessage(refused.reason, f"{name}: {refused.error}") from None


def _parsed(url: str, name: str) -> URL:
    try:
        return parse_url(url)
    except ValueError:
        raise BadMessage("image-refused", f"{name}: it is no address") from None


def _of_payload(error: aiohttp.ClientPayloadError) -> SlowDown:
    """A body that ended early may be whole next time; one whose chunks are none is an answer."""
    text = _one_line(str(error.__cause__ or error))
    if isinstance(error.__cause__, HttpProcessingError) and "Not enough data" not in text:
        return MalformedResponse(f"its answer breaks the rules of HTTP: {text}")
    return SlowDown("the answer was cut short")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _tell(host: str, away: bool) -> None:
    if away:
        _log.warning("host_away", host=host)
    else:
        _log.info("host_back", host=host)


def _plain(error: BaseException) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else ""
