"""Looking up image hosts: a name is looked up once, and the connection goes to what was checked."""

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
"""Threads: a look-up can't be cancelled, and one whose name servers are away takes half a minute."""
_LOOKUPS_OF_SITE = 4
"""Of them for the names of one domain: its name servers may hang on purpose."""
_KEPT_SECONDS = 60.0
_KEPT = 4_096
_Found = tuple[tuple[socket.AddressFamily, int, str], ...]


class _Kept(NamedTuple):
    until: float
    found: _Found


class CheckedResolver(AbstractResolver):
    """Hands on only addresses that a host may have; raises BadMessage (image-refused) if one is not among them."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="index-look-up")
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._sites: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_LOOKUPS_OF_SITE))
        self._running: dict[str, asyncio.Task[_Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        permission = allowed(host, port, self._hosts)
        found = await self._look_up(host)
        for _, _, address in found:
            check_address(address, permission)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST)
            for kind, proto, address in found
            if family in (socket.AF_UNSPEC, kind)
        ]

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of a host, if no look-up is needed for them."""
        if parse_address(host) is not None:
            return (host,)
        kept = self._kept.get(host)
        return _addresses(kept.found) if kept and kept.until > time.monotonic() else None

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host. Raises OSError or ValueError if it has none."""
        return _addresses(await self._look_up(host))

    async def close(self) -> None:
        """Begin no more look-ups; those under way are not waited for."""
        for task in self._running.values():
            task.cancel()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str) -> _Found:
        kept = self._kept.get(host)
        if kept and kept.until > time.monotonic():
            return kept.found
        task = self._running.get(host)
        if task is None:
            task = self._running[host] = asyncio.ensure_future(self._ask(host))
            task.add_done_callback(lambda ended: self._ended(host, ended))
        return await asyncio.shield(task)  # whoever waits may give up; the thread can't

    async def _ask(self, host: str) -> _Found:
        async with self._sites[site_of(host)]:
            infos = await asyncio.get_running_loop().run_in_executor(
                self._lookups, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            )
        return tuple((kind, proto, str(sockaddr[0])) for kind, _, proto, _, sockaddr in infos)

    def _ended(self, host: str, task: "asyncio.Task[_Found]") -> None:
        del self._running[host]
        if not self._running:
            self._sites.clear()
        if not task.cancelled() and task.exception() is None:
            self._kept[host] = _Kept(time.monotonic() + _KEPT_SECONDS, task.result())
            self._kept.move_to_end(host)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def check_address(text: str, permission: Allowed) -> None:
    """Raises BadMessage (image-refused) for an address that `permission` does not cover."""
    address = parse_address(text)
    if address is None or (permission != "any" and not is_public(address)):
        raise BadMessage("image-refused", "its address is not a public one")
    if is_metadata(address):
        raise BadMessage("image-refused", "its address is one at which clouds hand out secrets")


def _addresses(found: _Found) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for _, _, address in found))[:16]
