"""Request headers that the operator chose: sent to the hosts that they are meant for, and to nobody else."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr
from yarl import URL

from pictures import jpeg
from streams.settings import Settings
from web import Web, respond, web_server
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.images.request_headers import RequestHeaders

Given = dict[str, dict[str, str]]


def headers(given: Given) -> dict[str, dict[str, SecretStr]]:
    """As the settings hold them."""
    return {host: {name: SecretStr(value) for name, value in each.items()} for host, each in given.items()}


@pytest.fixture
def hosts() -> Iterator[tuple[Web, Web]]:
    """Two image hosts."""
    with web_server() as one, web_server() as other:
        yield one, other


def keep(web: Web, path: str, *, to: str = "") -> dict[str, str]:
    """The headers of the last request for `path`, which is a picture, or leads on."""
    got: dict[str, str] = {}

    def answer(request: BaseHTTPRequestHandler) -> None:
        got.clear()
        got.update({name.lower(): value for name, value in request.headers.items()})
        respond(request, b"", status=302, Location=to) if to else respond(request, jpeg(1))

    web.answers[path] = answer
    return got


def fetch(url: str, given: Given) -> None:
    """One fetch."""

    async def once() -> None:
        settings = Settings(image_hosts=("127.0.0.1", "localhost"), image_headers=headers(given))
        async with Fetcher(settings, ImageLimits(), HostLimits()) as fetcher:
            await fetcher.fetch(url)

    asyncio.run(once())


def test_each_host_has_its_own(hosts: tuple[Web, Web]) -> None:
    """The narrowest pattern has the last word; what is not chosen stays ours."""
    one, other = hosts
    at_one, at_other = keep(one, "/a"), keep(other, "/a")
    given = {
        one.host: {"Authorization": "secret", "User-Agent": "one"},
        "*": {"user-agent": "any", "Referer": "http://r/"},
    }
    fetch(one.url("/a"), given)
    fetch(other.url("/a"), given)
    assert (at_one["authorization"], at_one["user-agent"], at_one["referer"]) == ("secret", "one", "http://r/")
    assert (at_other.get("authorization"), at_other["user-agent"]) == (None, "any")
    assert at_one["accept-encoding"] == "identity"


@pytest.mark.parametrize("pattern", ["127.0.0.1", "the first host"])
def test_a_secret_does_not_follow_a_redirect(hosts: tuple[Web, Web], pattern: str) -> None:
    """To another port, or another name; nor back from there. Within the host it is sent on."""
    one, other = hosts
    pattern = one.host if pattern == "the first host" else pattern
    there = keep(other, "/there", to=one.url("/back"))
    back = keep(one, "/back")
    within = keep(one, "/within", to=other.url("/there"))
    first = keep(one, "/first", to="/within")
    fetch(one.url("/first"), {pattern: {"Authorization": "secret", "X-Key": "secret", "User-Agent": "us"}})
    assert (first["authorization"], within["x-key"]) == ("secret", "secret")
    for got in (there, back):
        assert "secret" not in str(got)
    assert back["user-agent"] == "us"


def test_from_https_to_http() -> None:
    """A request whose secret could be read on the way is not made with it, and the narrowest pattern is the longest."""
    chosen = RequestHeaders(headers({"*.a.example": {"X-Key": "wide"}, "i.a.example": {"X-Key": "narrow"}}))
    url = URL("https://i.a.example/x")
    assert chosen.of(url, trusted=True)["X-Key"] == "narrow"
    assert "X-Key" not in chosen.of(url, trusted=False)
    assert "X-Key" not in chosen.of(URL("https://a.example/x"), trusted=True)
