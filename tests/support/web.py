"""A web server on loopback whose answers the test writes, and that counts what it was asked for."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A worker opens 48 connections at once. Of those beyond the usual 5, some wait for an answer in vain, are tried
    # again, and count twice.
    request_queue_size = 256


class Web:
    """Answers by path; an unknown path is 404."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.hosts = hosts
        self.host = hosts[0]
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.asked_at: dict[str, list[float]] = {}
        """Seconds of the monotonic clock."""
        self.closing = threading.Event()

    def url(self, path: str, number: int = 0) -> str:
        """The address of `path` at one of its hosts."""
        return f"http://{self.hosts[number % len(self.hosts)]}{path}"

    def serve(self, path: str, body: bytes, *, status: int = 200, kind: str = "image/jpeg", **headers: str) -> str:
        """Answer `path` with `body`; returns its address."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            respond(request, body, status=status, kind=kind, **headers)

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, to: str, status: int = 302) -> str:
        """Answer `path` with a redirect; returns its address."""
        return self.serve(path, b"", status=status, Location=to)

    def drip(self, path: str, seconds: float = 60.0) -> str:
        """Answer `path` with one byte a second, and never to the end; returns its address."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", "50000")
            request.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")  # clients of object stores want both
            request.send_header("ETag", '"a"')
            request.end_headers()
            for _ in range(int(seconds)):
                request.wfile.write(b"x")
                if self.closing.wait(1.0):
                    return

        self.answers[path] = answer
        return self.url(path)

    @contextlib.contextmanager
    def held(self, path: str, body: bytes) -> Iterator[str]:
        """Answer `path` only after the block; yields its address."""
        release = threading.Event()

        def answer(request: BaseHTTPRequestHandler) -> None:
            release.wait(120)
            respond(request, body)

        self.answers[path] = answer
        try:
            yield self.url(path)
        finally:
            release.set()


def respond(
    request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, kind: str = "image/jpeg", **headers: str
) -> None:
    """A whole answer; `headers` with `_` for `-`."""
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


@contextlib.contextmanager
def web_server(port: int = 0, addresses: Sequence[str] = ("127.0.0.1",)) -> Iterator[Web]:
    """A running server, on a free port unless one is given; at each address it is another image host.

    Its threads end with it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path
            web.asked[path] += 1
            web.asked_at.setdefault(path, []).append(time.monotonic())
            with contextlib.suppress(ConnectionError):  # a client that had enough is part of the tests
                web.answers.get(path, _missing)(self)

        def log_message(self, *_: Any) -> None:
            """Nothing: pytest's output is for the tests."""

    servers = [_Server((address, port), Handler) for address in addresses]
    web = Web([f"{address}:{server.server_address[1]}" for address, server in zip(addresses, servers, strict=True)])
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,), name="web") for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _missing(request: BaseHTTPRequestHandler) -> None:
    respond(request, b"nothing here", status=404, kind="text/plain")
