"""Addresses are asked for byte by byte, and each answer is named for what it is."""

import asyncio
import gzip
import os
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from schemas.source import Source
from streams.errors import BadMessage
from streams.retry_headers import RetryState
from streams.settings import Settings
from web import Web, web_server
from workers.images.address_policy import allowed
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.images.responses import Fetched, NotYet
from workers.images.urls import parse_url
from workers.indexer.retry_schedule import schedule_picture_retry
from workers.process.failure_policy import FailurePolicy

LIMITS = ImageLimits(bytes=10_000, seconds=5.0, connect_seconds=1.0, attempts=1)
PICTURE = b"\xff\xd8\xff" + bytes(500)


@pytest.fixture
def server() -> Iterator[Web]:
    """A web server of the test's own."""
    with web_server() as web:
        yield web


def fetch(server: Web, url: str, limits: ImageLimits = LIMITS) -> Fetched:
    """One fetch."""

    async def once() -> Fetched:
        async with Fetcher(Settings(image_hosts=(server.host,)), limits, HostLimits()) as fetcher:
            return await fetcher.fetch(url)

    return asyncio.run(once())


def raw(server: Web, path: str, answer: bytes) -> str:
    """Answer `path` with these very bytes."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    server.answers[path] = send
    return server.url(path)


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("/a%2Cb,c?sig=x%2Fy%3D+z&e=%7e~", "/a%2Cb,c?sig=x%2Fy%3D+z&e=%7e~"),
        ("/%zz%", "/%zz%"),
        ("/a b", "/a%20b"),
        ("/é?q=é", "/%C3%A9?q=%C3%A9"),
        ("/a//b/../c", "/a//b/../c"),
        ("/a|b^{c}?q=[1]|'", "/a|b^{c}?q=[1]|'"),
        ("?q", "/?q"),
        ("", "/"),
        ("/a#b", "/a"),
    ],
)
def test_byte_by_byte(server: Web, published: str, asked: str) -> None:
    """As published, and as a redirect has it: only what is illegal is quoted."""
    server.serve(asked, PICTURE)
    assert fetch(server, server.url("") + published).data == PICTURE
    if published.startswith("/") and published.isascii():
        server.asked.clear()
        assert fetch(server, server.redirect("/from", published)).data == PICTURE
        assert server.asked[asked] == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_one_layer_of_encoding_is_undone(server: Web, encoding: str) -> None:
    """Whichever of the two forms of deflate it is; and a bomb stops at the limit."""
    for body in (PICTURE, bytes(50_000_000)):
        raw_deflate = zlib.compressobj(wbits=-15)
        sent = {
            "gzip": gzip.compress(body),
            "deflate": zlib.compress(body),
            "raw deflate": raw_deflate.compress(body) + raw_deflate.flush(),
        }[encoding]
        url = server.serve("/a", sent, Content_Encoding=encoding.split()[-1])
        if body is PICTURE:
            assert fetch(server, url).data == PICTURE
        else:
            with pytest.raises(BadMessage, match="image-too-large"):
                fetch(server, url, ImageLimits(bytes=100_000, attempts=1))


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
def test_any_other_encoding_is_named(server: Web, encoding: str) -> None:
    """It is an answer, and no picture."""
    with pytest.raises(BadMessage, match="content encoding") as bad:
        fetch(server, server.serve("/a", PICTURE, Content_Encoding=encoding))
    assert bad.value.reason == "image-undecodable"


def test_headers_as_browsers_take_them(server: Web) -> None:
    """A line of 100 kB, and five hundred of them."""
    many: dict[str, Any] = {f"X-{number}": "x" * (1 if number else 100_000) for number in range(500)}
    assert fetch(server, server.serve("/a", PICTURE, **many)).data == PICTURE


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
    ],
)
def test_what_breaks_the_rules_of_http_is_an_answer(server: Web, answer: bytes) -> None:
    """Reported with what is wrong; the host is not taken for one that is away."""
    with pytest.raises(BadMessage, match=r"breaks the rules of HTTP: .") as bad:
        fetch(server, raw(server, "/a", answer))
    assert bad.value.reason == "fetch-exhausted"


@pytest.mark.parametrize(("status", "word"), [(204, "HTTP 204"), (206, "a part"), (226, "HTTP 226"), (304, "HTTP 304")])
def test_what_holds_no_picture(server: Web, status: int, word: str) -> None:
    """Is named by its status."""
    with pytest.raises(BadMessage, match=word) as bad:
        fetch(server, server.serve("/a", b"", status=status))
    assert bad.value.reason == "image-missing"


def test_203_is_taken(server: Web) -> None:
    """A proxy changed the answer."""
    assert fetch(server, server.serve("/a", PICTURE, status=203)).data == PICTURE


@pytest.mark.parametrize(("status", "body"), [(404, b""), (403, b""), (200, b""), (200, b"<!DOCTYPE html><p>Soon")])
def test_not_there_yet(server: Web, status: int, body: bytes) -> None:
    """Is said apart, with what came instead."""
    with pytest.raises(NotYet) as bad:
        fetch(server, server.serve("/a", body, status=status, kind="text/html"))
    assert f"HTTP {status}" in bad.value.error


def test_202_is_not_there_yet_if_it_says_when(server: Web) -> None:
    """With Retry-After it is looked for again, not sooner; without it is an answer like others that hold no picture."""
    with pytest.raises(NotYet) as not_yet:
        fetch(server, server.serve("/later", b"", status=202, Retry_After="30"))
    assert not_yet.value.retry_after == 30
    with pytest.raises(BadMessage) as bad:
        fetch(server, server.serve("/never", b"", status=202))
    assert (type(bad.value), bad.value.reason) == (BadMessage, "image-missing")


def test_one_deadline_for_all_redirects(server: Web) -> None:
    """Hops that each take a while do not get the whole time anew."""

    def slowly(to: str) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            time.sleep(0.4)
            request.send_response(302)
            request.send_header("Location", to)
            request.send_header("Content-Length", "0")
            request.end_headers()

        server.answers[f"/{to.strip('/')}x"] = answer

    for number in range(5):
        slowly("/" + "x" * number)
    started = time.monotonic()
    with pytest.raises(HostUnavailable) as away:
        fetch(server, server.url("/xxxxx"), ImageLimits(seconds=1.0, attempts=4))
    assert time.monotonic() - started < 1.5
    assert away.value.attempts == 1


ENDINGS = FailurePolicy(young_seconds=900.0, young_delays=(5.0, 20.0), jitter=0.0)


@pytest.mark.parametrize(
    ("age", "looks", "due"), [(0, 0, 5), (800, 1, 20), (0, 2, None), (1_000, 0, None), (-100_000, 0, None)]
)
def test_a_young_event_looks_again(age: float, looks: int, due: float | None) -> None:
    """By its first timestamp, which a replay keeps; a few times, whatever the timestamp says."""
    now = 1_000_000.0
    source = Source(topic="t", partition=0, offset=1, timestamp=int((now - age) * 1_000))
    said = schedule_picture_retry(RetryState(attempts=1, tries=7, looks=looks), source, ENDINGS, now=now, chance=0.0)
    assert (said and said.not_before) == (due and round((now + due) * 1_000))
    assert said is None or (said.tries, said.looks, said.attempts) == (7, looks + 1, 2)


@pytest.mark.parametrize(("asked", "due"), [(0.0, 5.0), (30.0, 30.0), (1e9, 900.0)])
def test_a_host_that_says_when_its_picture_is_there(asked: float, due: float) -> None:
    """It is obeyed, but for no longer than an event is young."""
    source = Source(topic="t", partition=0, offset=1, timestamp=1_000_000)
    said = schedule_picture_retry(RetryState(), source, ENDINGS, now=1_000.0, chance=0.0, asked=asked)
    assert said is not None
    assert said.not_before == round((1_000 + due) * 1_000)


@pytest.mark.parametrize(
    "pattern", ["bücher.example", "xn--bcher-kva.example", "*.BÜCHER.example", "bücher.example:80"]
)
@pytest.mark.parametrize("host", ["bücher.example", "xn--bcher-kva.example", "BÜCHER.example"])
def test_hosts_that_are_not_ascii(pattern: str, host: str) -> None:
    """Can be allowed, and published, in both spellings."""
    settings = Settings(image_hosts=pattern)
    name = parse_url(f"http://{'img.' if '*' in pattern else ''}{host}/").raw_host
    assert allowed(name or "", 80, settings.image_hosts)


def test_a_file_whose_name_is_not_utf8(tmp_path: Path) -> None:
    """Its address has the very bytes of its name."""
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(PICTURE)

    async def once() -> Fetched:
        async with Fetcher(Settings(image_roots=(tmp_path,)), LIMITS, HostLimits()) as fetcher:
            return await fetcher.fetch(path.as_uri())

    assert asyncio.run(once()).data == PICTURE
