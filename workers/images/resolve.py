"""Looking up image hosts: a name is looked up once, and the connection goes to what was checked."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from streams.failures import BadMessage
from workers.images.addresses import Allowed, allowed, is_public, parse_address

_LOOKUPS = 32
"""Threads: a look-up can't be cancelled, and one whose name servers are away takes half a minute."""


class CheckedResolver(AbstractResolver):
    """Hands on only addresses that a host may have; raises BadMessage (image-refused) where one is not among them."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="index-look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        permission = allowed(host, port, self._hosts)
        infos = await asyncio.get_running_loop().run_in_executor(
            self._lookups, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        )
        for *_, sockaddr in infos:
            check_address(str(sockaddr[0]), permission)
        return [
            ResolveResult(
                hostname=host, host=str(sockaddr[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, sockaddr in infos
        ]

    async def close(self) -> None:
        """Begin no more look-ups; those under way are not waited for."""
        self._lookups.shutdown(wait=False, cancel_futures=True)


def check_address(text: str, permission: Allowed) -> None:
    """Raises BadMessage (image-refused) for an address that `permission` does not cover."""
    address = parse_address(text)
    if address is None or (permission != "any" and not is_public(address)):
        raise BadMessage("image-refused", "its address is not a public one")
