"""Connections that send or read too slowly, on a real socket with short limits; and who gives up a place to whom."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workers.server import connections
from workers.server.connections import protocol

WHOLE = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"x" * 30_000_000 if scope["path"] == "/large" else b"no body"
    if scope["path"] == "/echo":
        body = await Request(scope, receive).body()
    await Response(body)(scope, receive, send)


@contextlib.asynccontextmanager
async def _serving(most: int = 10) -> AsyncIterator[int]:
    config = uvicorn.Config(_app, http=protocol(most), port=0, lifespan="off", log_level="error", backlog=8)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        for each in server.servers:
            each.close()


async def _ended(reader: asyncio.StreamReader, seconds: float = 10.0) -> bytes:
    """All that comes until the connection ends."""
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), seconds)
    return b""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        WHOLE[:-1],
        WHOLE.replace(b"/echo", b"/other")[:-1],
        WHOLE + b"GET / HT",
        WHOLE + WHOLE[:-1],
    ],
)
def test_what_never_ends_is_ended(begun: bytes) -> None:
    """Nothing, half a header, half a body, a body nobody reads, half a second request; each byte buys no new time."""

    async def scenario() -> None:
        async with _serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)

            async def drip() -> None:
                with contextlib.suppress(ConnectionError):
                    while begun and not begun.endswith(b"abc"):
                        await asyncio.sleep(0.05)
                        writer.write(b"" if b"Content-Length" in begun else b"y")
                        await writer.drain()

            dripping = asyncio.create_task(drip())
            await _ended(reader)
            dripping.cancel()
            writer.close()

    asyncio.run(scenario())


def test_an_answer_that_nobody_reads() -> None:
    """It is taken within its time or the connection ends: its place is free for others."""

    async def scenario() -> None:
        async with _serving(most=1) as port:
            _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1)
            lazy.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.sleep(1.0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(WHOLE.replace(b"Host", b"Connection: close\r\nHost"))
            assert (await _ended(reader)).endswith(b"abc")
            lazy.close()
            writer.close()

    asyncio.run(scenario())


def test_the_longest_waiting_gives_up_its_place() -> None:
    """With all places taken by half requests, a whole one is answered; those that came last are still there."""

    async def scenario() -> None:
        async with _serving(most=3) as port:
            half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for _, writer in half:
                writer.write(b"GET / HT")
            await asyncio.sleep(0.05)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(WHOLE.replace(b"Host", b"Connection: close\r\nHost"))
            assert (await _ended(reader)).endswith(b"abc")
            assert await _ended(half[0][0]) == b""
            for each in (*[writer for _, writer in half], writer):
                each.close()

    asyncio.run(scenario())
