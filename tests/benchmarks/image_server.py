"""The loopback image server, a process of its own: `python -m tests.benchmarks.image_server FOLDER PORT DELAY`.

Bare asyncio, so that it costs the two cores little and is never the limit: it answers 8,000 requests a second where
the pipeline asks for some hundred. `/17/any.jpg` is the seventeenth picture (the count wraps round), `/tiny/any.jpg`
one of 32×32 pixels.
"""

import asyncio
import io
import sys
from pathlib import Path

from PIL import Image


class Server(asyncio.Protocol):
    """One connection, kept alive; each answer leaves `delay` seconds after its request."""

    def __init__(self, answers: list[bytes], tiny: bytes, delay: float) -> None:
        self._answers, self._tiny, self._delay = answers, tiny, delay
        self._head = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._head += data
        while b"\r\n\r\n" in self._head:
            request, _, self._head = self._head.partition(b"\r\n\r\n")
            first = request.split(b" ", 2)[1].split(b"/", 2)[1]
            answer = self._tiny if first == b"tiny" else self._answers[int(first) % len(self._answers)]
            asyncio.get_running_loop().call_later(self._delay, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _tiny() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(file, "JPEG")
    return file.getvalue()


async def serve(answers: list[bytes], port: int, delay: float) -> None:
    """Serve `answers` until the process is ended."""
    tiny = _answer(_tiny())
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(answers, tiny, delay), "127.0.0.1", port, backlog=1_024
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    pictures = [_answer(path.read_bytes()) for path in sorted(Path(sys.argv[1]).glob("*.jpg"))]
    asyncio.run(serve(pictures, int(sys.argv[2]), float(sys.argv[3])))
