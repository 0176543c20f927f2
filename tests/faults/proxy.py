"""A TCP proxy on loopback that cuts, refuses, delays, throttles, and holds back what passes through it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Literal

from workers.local.ports import free_port

Direction = Literal["up", "down"]
_CHUNK = 64 * 1024


class Proxy:
    """One port here, one port there. Faults may be set from any thread, and hold until `heal`."""

    def __init__(self, target: int, port: int | None = None) -> None:
        self.port = port or free_port()
        self.passed = {"up": 0, "down": 0}
        """Bytes that went through; `up` is from the client to the server."""
        self._target = target
        self._delay, self._rate = 0.0, 0
        self._trap = 0
        self._loop = asyncio.new_event_loop()
        self._free: dict[Direction, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self.heal()

    def close(self) -> None:
        """Stop listening and let go of every connection."""
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection; new ones are let in."""
        self._now(self._reset)

    def refuse(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._now(self._stop_listening)
        self._now(self._reset)

    def hold(self, *directions: Direction) -> None:
        """Keep what comes, of these directions or both, as a network does that loses all: nothing is closed."""
        for each in directions or self._free:
            self._now(self._free[each].clear)

    def trap(self, size: int) -> None:
        """Hold back the next piece of at least `size` bytes on its way to the server, and all that follows it."""
        self._trap = size

    @property
    def trapped(self) -> bool:
        """Whether such a piece was met."""
        return not self._free["up"].is_set()

    def slow(self, *, delay: float = 0.0, rate: int = 0) -> None:
        """Pass each piece on `delay` seconds later, and at most `rate` bytes a second of each connection."""
        self._delay, self._rate = delay, rate

    def heal(self) -> None:
        """End every fault; what was held back goes on its way."""
        self.slow()
        self._trap = 0
        for each in self._free.values():
            self._now(each.set)
        future = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        future.result(10)

    def _now(self, call: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            try:
                call()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reset(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            with contextlib.suppress(OSError):  # the other side may have been quicker
                # A connection that lingers for 0 s is closed by a reset.
                _socket(writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_there}
        pumps = [
            self._loop.create_task(self._pump("up", reader, to_there)),
            self._loop.create_task(self._pump("down", there, writer)),
        ]
        self._tasks |= set(pumps)
        await asyncio.wait(pumps)
        self._tasks -= set(pumps)
        self._writers -= {writer, to_there}

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if direction == "up" and 0 < self._trap <= len(data):
                    self._free["up"].clear()
                await asyncio.sleep(self._delay + (len(data) / self._rate if self._rate else 0.0))
                await self._free[direction].wait()
                self.passed[direction] += len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # one side let go: so does the other
        finally:
            writer.close()


def _socket(writer: asyncio.StreamWriter) -> socket.socket:
    found: socket.socket = writer.get_extra_info("socket")
    return found


@contextlib.contextmanager
def proxy_to(target: int, port: int | None = None) -> Iterator[Proxy]:
    """A running proxy to a port of this machine."""
    proxy = Proxy(target, port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()
