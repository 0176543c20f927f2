"""Fetching from a hostile server on loopback, and from files."""

import asyncio
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from streams.errors import BadMessage, Broken
from streams.settings import Settings
from web import Web, respond, web_server
from workers.images.circuit_breaker import HostUnavailable
from workers.images.displayed_urls import displayed_url, host_of
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.images.responses import Fetched

LIMITS = ImageLimits(bytes=10_000, seconds=1.2, connect_seconds=0.5, attempts=2, retry_after_seconds=0.4)


@pytest.fixture
def server() -> Iterator[Web]:
    """A web server of the test's own."""
    with web_server() as web:
        yield web


def fetch(
    url: str, *, hosts: tuple[str, ...] = ("*",), roots: tuple[Path, ...] = (), limits: ImageLimits = LIMITS
) -> bytes:
    """One fetch with a fetcher of its own."""

    async def once() -> bytes:
        settings = Settings(image_hosts=hosts, image_roots=roots)
        async with Fetcher(settings, limits, HostLimits()) as fetcher:
            return (await fetcher.fetch(url)).data

    return asyncio.run(once())


def refused(url: str, **more: object) -> BadMessage:
    """The failure of a fetch; it never shows a query string or credentials."""
    with pytest.raises(BadMessage) as bad:
        fetch(url, **more)  # type: ignore[arg-type]
    assert "secret" not in bad.value.error
    assert bad.value.error
    return bad.value


def away(url: str, **more: object) -> HostUnavailable:
    """The failure of a fetch whose host is away; it never shows a query string or credentials."""
    with pytest.raises(HostUnavailable) as found:
        fetch(url, **more)  # type: ignore[arg-type]
    assert "secret" not in str(found.value)
    assert str(found.value)
    return found.value


def test_the_bytes_as_they_are(server: Web) -> None:
    """A picture, from a host that is written out."""
    assert fetch(server.serve("/a", b"picture"), hosts=(server.host,)) == b"picture"


def test_many_at_once(server: Web) -> None:
    """As many as a worker asks one host for: each is asked for once, and comes."""

    async def all_of(urls: list[str]) -> list[bytes]:
        async with Fetcher(Settings(image_hosts=("*", server.host)), ImageLimits(), HostLimits()) as fetcher:
            return [each.data for each in await asyncio.gather(*map(fetcher.fetch, urls))]

    for number in range(20):
        server.asked.clear()
        bodies = [f"{number} {each}".encode() for each in range(HostLimits().max_share)]
        urls = [server.serve(f"/{each}", body) for each, body in enumerate(bodies)]
        assert asyncio.run(all_of(urls)) == bodies
        assert set(server.asked.values()) == {1}


@pytest.mark.parametrize("status", [404, 410, 401, 403, 400, 418])
def test_gone(server: Web, status: int) -> None:
    """Asked once, and given up."""
    bad = refused(server.serve("/a?secret", b"", status=status), hosts=(server.host,))
    assert (bad.reason, bad.attempts, server.asked["/a?secret"]) == ("image-missing", 1, 1)
    assert str(status) in bad.error


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_busy(server: Web, status: int) -> None:
    """Asked again, then given up in a way that can be replayed."""
    bad = refused(server.serve("/a?secret", b"", status=status, Retry_After="0"), hosts=(server.host,))
    assert (bad.reason, bad.attempts, server.asked["/a?secret"]) == ("fetch-exhausted", 2, 2)
    assert str(status) in bad.error


@pytest.mark.parametrize(("asked", "least", "most"), [("0", 0.0, 0.49), ("soon", 0.4, 2.0), ("²", 0.4, 2.0)])
def test_retry_after(server: Web, asked: str, least: float, most: float) -> None:
    """Is honoured in place where it is short; what is no number is answered with our own wait."""
    url = server.serve("/a", b"", status=503, Retry_After=asked)
    started = time.monotonic()
    refused(url, hosts=(server.host,))
    assert least <= time.monotonic() - started < most


@pytest.mark.parametrize("form", ["number", "date"])
def test_a_long_retry_after(server: Web, form: str) -> None:
    """Is no wait in place: the host was asked once, and says when it may be asked again."""
    asked = "3600" if form == "number" else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = away(server.serve("/a?secret", b"", status=429, Retry_After=asked), hosts=(server.host,))
    assert (found.attempts, server.asked["/a?secret"]) == (1, 1)
    assert found.retry_after == pytest.approx(3_600, abs=3)


def test_a_host_of_which_nothing_works(server: Web) -> None:
    """Is left alone after some failures of different pictures: then nothing more is asked, and no picture is blamed."""
    urls = [server.serve(f"/{number}", b"", status=500) for number in range(20)]

    async def all_of_them() -> list[BaseException | Fetched]:
        limits = replace(LIMITS, attempts=1)
        async with Fetcher(Settings(image_hosts=(server.host,)), limits, HostLimits(open_after=5)) as fetcher:
            found: list[BaseException | Fetched] = []
            for url in urls:
                found += await asyncio.gather(fetcher.fetch(url), return_exceptions=True)
            return found

    kinds = [type(each) for each in asyncio.run(all_of_them())]
    assert kinds == [BadMessage] * 4 + [HostUnavailable] * 16
    assert server.asked.total() == 5


def test_a_host_that_recovers(server: Web) -> None:
    """The second attempt gets the picture."""
    url = server.url("/a")

    def recovering(request: BaseHTTPRequestHandler) -> None:
        server.serve("/a", b"picture")
        request.send_response(503)
        request.send_header("Retry-After", "0")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answers["/a"] = recovering
    assert fetch(url, hosts=(server.host,)) == b"picture"


def test_a_redirect_is_followed(server: Web) -> None:
    """Within what is allowed; relative ones too."""
    server.serve("/b", b"picture")
    assert fetch(server.redirect("/a", "/b"), hosts=(server.host,)) == b"picture"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/x",
        "http://[::1]:{port}/x",
        "http://[::ffff:127.0.0.1]:{port}/x",
        "http://2130706433:{port}/x",
        "http://0177.0.0.1:{port}/x",
        "http://0x7f000001:{port}/x",
        "http://127.1:{port}/x",
        "http://localhost:{port}/x",
        "http://localhost.:{port}/x",
        "http://127.0.0.1.:{port}/x",
        "http://0.0.0.0:{port}/x",
        "http://user:secret@127.0.0.1:{port}/x",
        "http://169.254.169.254/latest?secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/x",
        "gopher://127.0.0.1:{port}/x",
        "//127.0.0.1:{port}/x",
        "javascript:x",
    ],
)
def test_a_redirect_to_what_is_not_public(server: Web, target: str) -> None:
    """Zero bytes are sent there, whatever its form."""
    with web_server() as private:
        port = private.host.rpartition(":")[2]
        with pytest.raises((BadMessage, HostUnavailable)) as found:
            fetch(server.redirect("/a", target.format(port=port)), hosts=("*", server.host))
        assert "secret" not in str(found.value)
        # A resolver that does not know `localhost.` leaves nothing to refuse.
        refusal = found.value.reason if isinstance(found.value, BadMessage) else ""
        assert refusal == "image-refused" or (not refusal and "localhost." in target)
        assert not private.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://127.0.0.1.:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://0:{port}/",
        "http://017700000001:{port}/",
        "http://127.0.0.1:{port}.evil/",
        "http://user:secret@127.0.0.1:{port}/?secret",
    ],
)
def test_a_private_address_is_never_asked(server: Web, url: str) -> None:
    """Under `*` no form of loopback gets a byte."""
    assert refused(url.format(port=server.host.rpartition(":")[2])).reason == "image-refused"
    assert not server.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://",
        "ftp://example.com/a",
        "data:image/png;base64,AA",
        "picture.jpg",
        "",
        "http://example.com:99999/",
        "file:///a%00b",
        "http://" + "a" * 70 + ".com/",
        "http://a b/",
        "http://exa\x00mple.com/",
        "http://a\\@b/",
        "http://%31.example/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    """Is a bad message, never a failure of ours."""
    assert refused(url).reason == "image-refused"


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/"])
def test_a_host_that_has_no_address(url: str) -> None:
    """Its name may be known to the resolver later: it is tried again."""
    assert away(url).attempts == 2


def test_redirects_in_a_circle(server: Web) -> None:
    """Are given up after the limit."""
    server.redirect("/a", "/b")
    bad = refused(server.redirect("/b", "/a"), hosts=(server.host,))
    assert (bad.reason, server.asked.total()) == ("image-refused", LIMITS.redirects + 1)


def test_an_endless_body(server: Web) -> None:
    """Is left at the limit, without its length having been told."""

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x" * 1_000)

    server.answers["/a"] = endless
    bad = refused(server.url("/a"), hosts=(server.host,), limits=ImageLimits(bytes=10_000, seconds=10, attempts=1))
    assert bad.reason == "image-too-large"


def test_a_length_that_is_too_much(server: Web) -> None:
    """Is refused before the body."""

    def huge(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "99999999999")
        request.end_headers()

    server.answers["/a"] = huge
    assert refused(server.url("/a"), hosts=(server.host,)).reason == "image-too-large"


def test_a_false_length(server: Web) -> None:
    """A body that ends early is no picture: it is asked for again, then given up."""

    def short(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "500")
        request.end_headers()
        request.wfile.write(b"half")

    server.answers["/a"] = short
    bad = refused(server.url("/a"), hosts=(server.host,))
    assert (bad.reason, bad.attempts) == ("fetch-exhausted", 2)


def test_one_byte_now_and_then(server: Web) -> None:
    """The time limit is for the whole of a fetch: what has cost all of it is not tried again in place."""

    def slow(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "5000")
        request.end_headers()
        for _ in range(50):
            request.wfile.write(b"x")
            time.sleep(0.1)

    server.answers["/a?secret"] = slow
    started = time.monotonic()
    assert away(server.url("/a?secret"), hosts=(server.host,)).attempts == 1
    assert time.monotonic() - started < 2


def test_hops_that_each_take_their_time(server: Web) -> None:
    """One deadline is for all of a chain: a hop has what the hops before have left."""
    for number in range(5):

        def hop(request: BaseHTTPRequestHandler, number: int = number) -> None:
            time.sleep(0.5)
            respond(request, b"", status=302, Location=f"/{number + 1}")

        server.answers[f"/{number}"] = hop
    started = time.monotonic()
    assert away(server.url("/0"), hosts=(server.host,)).attempts == 1
    assert time.monotonic() - started < LIMITS.seconds + 0.8
    assert server.asked.total() == 3


def test_name_servers_that_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up is within the deadline too."""
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(20) or [])
    started = time.monotonic()
    assert away("http://img.silent.example/a").attempts == 1
    assert time.monotonic() - started < LIMITS.seconds + 0.8
    answered.set()


def test_attempts_and_waits_have_one_deadline(server: Web) -> None:
    """Four attempts with the waits that the host asks for would take longer than a whole fetch may."""
    url = server.serve("/a", b"", status=503, Retry_After="1")
    limits = replace(LIMITS, attempts=4, retry_after_seconds=10.0)
    started = time.monotonic()
    assert away(url, hosts=(server.host,), limits=limits).attempts == 2
    assert time.monotonic() - started < LIMITS.seconds + 0.8


def test_a_host_that_does_not_listen() -> None:
    """Is asked again, then left alone for a while."""
    assert away("http://user:secret@127.0.0.1:9/a?secret", hosts=("127.0.0.1:9",)).attempts == 2


def test_a_redirect_to_a_host_that_does_not_listen(server: Web) -> None:
    """It is that one which is away; what it was asked with is not shown."""
    url = server.redirect("/a?secret", "http://user:secret@127.0.0.1:9/b?secret#secret")
    assert away(url, hosts=(server.host, "127.0.0.1:9")).attempts == 2


def test_a_file_below_a_root(tmp_path: Path) -> None:
    """Spaces and other letters in its name included."""
    path = tmp_path / "a b é.jpg"
    path.write_bytes(b"picture")
    assert fetch(path.as_uri(), roots=(tmp_path,)) == b"picture"


def test_files_that_are_not_below_a_root(tmp_path: Path) -> None:
    """By `..`, by a link, by a name that begins alike, on another host, or without a root: nothing is read."""
    root, outside = tmp_path / "root", tmp_path / "rootless"
    root.mkdir()
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"no")
    (root / "link.jpg").symlink_to(outside / "a.jpg")
    (root / "folder").symlink_to(outside)
    (root / "circle").symlink_to(root / "circle")
    urls = [
        f"file://{root}/../rootless/a.jpg",
        f"file://{root}/%2e%2e/rootless/a.jpg",
        f"file://{outside}/a.jpg",
        f"file://{root}/link.jpg",
        f"file://{root}/folder/a.jpg",
        f"file://{root}/circle",
        "file:///etc/passwd",
        f"file://elsewhere{root}/link.jpg",
        "file:",
        "file:a.jpg",
    ]
    for url in urls:
        assert refused(url, roots=(root,)).reason == "image-refused", url
    (root / "a.jpg").write_bytes(b"yes")
    assert refused(f"file://{root}/a.jpg").reason == "image-refused"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """Missing, a folder, a pipe, a name that is too long: the picture is missing."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("none.jpg", "", "pipe", "x" * 1_000):
        assert refused(f"{tmp_path.as_uri()}/{name}", roots=(tmp_path,)).reason == "image-missing", name
    (tmp_path / "big").write_bytes(b"x" * 10_001)
    assert refused((tmp_path / "big").as_uri(), roots=(tmp_path,)).reason == "image-too-large"


def test_a_disk_that_fails() -> None:
    """Reading its own memory at address 0 is an input/output error here: the root counts as away, no picture as bad."""
    root = Path("/proc/self").resolve()
    found = away((root / "mem").as_uri(), roots=(root,))
    assert found.attempts == 2
    assert "Input/output error" in str(found)


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    """A disk that is not mounted says nothing about its pictures."""
    root = tmp_path / "disk"
    assert away(f"{root.as_uri()}/a.jpg", roots=(root,)).attempts == 2


def test_too_many_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a fault of ours, and no picture's."""

    def read(_: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    (tmp_path / "a.jpg").write_bytes(b"picture")
    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(Broken):
        fetch((tmp_path / "a.jpg").as_uri(), roots=(tmp_path,))


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@example.com:1/a.jpg?x=secret#secret",
        "https:user:secret@example.com/a?secret",
        "https:///user:secret@example.com/a",
        "https:\\\\user:secret@example.com/a",
        "//user:secret@h/a?secret",
        "http://[secret",
        "ftp://user:secret@h/a;x?secret",
        "data:secret",
        "file://user:secret@host/a?secret",
    ],
)
def test_what_is_shown_of_an_address(url: str) -> None:
    """Never its credentials, its query or its fragment, however odd it is."""
    assert "secret" not in displayed_url(url)
    assert "secret" not in host_of(url, ())
