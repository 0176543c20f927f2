"""DNS for image hosts: a name is resolved once, and the connection goes to the address that was checked."""

import asyncio
import socket
import time
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult

from streams.errors import BadMessage
from workers.images.address_policy import Allowed, allowed, is_metadata, is_public, parse_address
from workers.images.picture_source import site_of

LOOKUPS = 128
"""Threads: a lookup can't be cancelled, and takes half a minute if the name servers are away."""
_LOOKUPS_PER_SITE = 4
"""Concurrent lookups of names of one registrable domain: its name servers may hang on purpose."""
_CACHE_SECONDS = 60.0
_CACHE_SIZE = 4_096
_Records = tuple[tuple[socket.AddressFamily, int, str], ...]


class _Cached(NamedTuple):
    until: float
    records: _Records


class CheckedResolver(AbstractResolver):
    """Resolves the names of allowed hosts; raises BadMessage (image-refused) if one of the addresses is not allowed."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="index-look-up")
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._sites: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_LOOKUPS_PER_SITE))
        self._running: dict[str, asyncio.Task[_Records]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        permission = allowed(host, port, self._hosts)
        records = await self._look_up(host)
        for _, _, address in records:
            check_address(address, permission)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST)
            for kind, proto, address in records
            if family in (socket.AF_UNSPEC, kind)
        ]

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of a host, if they are cached; else None."""
        if parse_address(host) is not None:
            return (host,)
        cached = self._cache.get(host)
        return _addresses(cached.records) if cached and cached.until > time.monotonic() else None

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host. Raises OSError or ValueError if it has none."""
        return _addresses(await self._look_up(host))

    async def close(self) -> None:
        """Start no more lookups; running ones are not waited for."""
        for task in self._running.values():
            task.cancel()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str) -> _Records:
        cached = self._cache.get(host)
        if cached and cached.until > time.monotonic():
            return cached.records
        task = self._running.get(host)
        if task is None:
            task = self._running[host] = asyncio.ensure_future(self._getaddrinfo(host))
            task.add_done_callback(lambda task: self._on_lookup_done(host, task))
        return await asyncio.shield(task)  # the waiter may be cancelled; the thread can't

    async def _getaddrinfo(self, host: str) -> _Records:
        async with self._sites[site_of(host)]:
            infos = await asyncio.get_running_loop().run_in_executor(
                self._lookups, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            )
        return tuple((kind, proto, str(sockaddr[0])) for kind, _, proto, _, sockaddr in infos)

    def _on_lookup_done(self, host: str, task: "asyncio.Task[_Records]") -> None:
        del self._running[host]
        if not self._running:
            self._sites.clear()
        if not task.cancelled() and task.exception() is None:
            self._cache[host] = _Cached(time.monotonic() + _CACHE_SECONDS, task.result())
            self._cache.move_to_end(host)
            if len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)


def check_address(text: str, permission: Allowed) -> None:
    """Raise BadMessage (image-refused) for an address that `permission` does not cover."""
    address = parse_address(text)
    if address is None or (permission != "any" and not is_public(address)):
        raise BadMessage("image-refused", "its address is not a public one")
    if is_metadata(address):
        raise BadMessage("image-refused", "its address is one at which clouds hand out secrets")


def _addresses(records: _Records) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for _, _, address in records))[:16]
