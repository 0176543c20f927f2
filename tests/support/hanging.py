"""Image hosts that take every connection and never answer, at as many addresses and ports as an attacker likes.

    /hang/…    never answers
    /hops/…    redirects to another port after `HOP_SECONDS`, for ever

until `heal`: from then on each path has a picture.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

HOP_SECONDS = 4.5
"""Just under the time after which a connection would be given up."""


@dataclass
class HangingHosts:
    """What listens, and how often it was asked."""

    picture: bytes
    ports: list[int] = field(default_factory=list)
    asked: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _healed: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def heal(self) -> None:
        """Answer with the picture from now on; whoever waits has it at once."""
        self._loop.call_soon_threadsafe(self._healed.set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one answer."""
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            writer.write(await self._answer(request.split(b" ")[1].decode()))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # a client that had enough
        finally:
            writer.close()

    async def _answer(self, path: str) -> bytes:
        hops = path.startswith("/hops/")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._healed.wait(), HOP_SECONDS if hops else None)
        if not self._healed.is_set():
            port = self.ports[next(self._numbers) % len(self.ports)]
            return f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.99:{port}{path}\r\n\r\n".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.picture)}\r\n\r\n"
        return head.encode() + self.picture

    async def listen(self, ports: int, ready: threading.Event, until: asyncio.Event) -> None:
        """At every address of loopback."""
        servers = [await asyncio.start_server(self.serve, "0.0.0.0", 0, backlog=512) for _ in range(ports)]
        self.ports += [server.sockets[0].getsockname()[1] for server in servers]
        ready.set()
        await until.wait()
        for server in servers:
            server.close()
        self._healed.set()  # whoever still waits has an answer, and is over
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


@contextlib.contextmanager
def hanging_hosts(picture: bytes, ports: int) -> Iterator[HangingHosts]:
    """Listening for the time of the block."""
    hosts, ready, until = HangingHosts(picture), threading.Event(), asyncio.Event()
    run = hosts._loop.run_until_complete
    thread = threading.Thread(target=lambda: run(hosts.listen(ports, ready, until)), name="hanging-hosts")
    thread.start()
    try:
        assert ready.wait(20)
        yield hosts
    finally:
        hosts._loop.call_soon_threadsafe(until.set)
        thread.join()
        hosts._loop.close()
