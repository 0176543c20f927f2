"""Looking up image hosts: what is checked is what is connected to."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from streams.errors import BadMessage
from streams.settings import Settings
from web import Web, web_server
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits

PUBLIC, LOOPBACK = "203.0.114.7", "127.0.0.1"
LIMITS = ImageLimits(seconds=1.0, connect_seconds=0.3, attempts=2)
real = socket.getaddrinfo


@pytest.fixture
def private() -> Iterator[Web]:
    """What must not be asked."""
    with web_server() as web:
        web.serve("/a", b"secret")
        yield web


def names(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, ...]) -> list[str]:
    """A name server that gives these answers in turn, then the last for ever; returns the look-ups."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int | None, *args: object, **more: object) -> object:
        if host != "pictures.example":
            return real(host, port, *args, **more)  # type: ignore[arg-type]
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port or 0)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def fetch(port: str) -> None:
    """One fetch by name, from any public host."""

    async def once() -> None:
        async with Fetcher(Settings(image_hosts=("*",)), LIMITS, HostLimits()) as fetcher:
            await fetcher.fetch(f"http://pictures.example:{port}/a")

    asyncio.run(once())


def test_a_name_that_changes_its_address(private: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: first a public address, then loopback. The name is looked up once for check and connection."""
    asked = names(monkeypatch, (PUBLIC,), (LOOPBACK,))
    with pytest.raises((HostUnavailable, BadMessage)):
        fetch(private.host.rpartition(":")[2])
    assert asked
    assert not private.asked


@pytest.mark.parametrize("found", [(PUBLIC, LOOPBACK), (LOOPBACK, PUBLIC), (PUBLIC, PUBLIC, "168.63.129.16")])
def test_each_address_of_a_name_is_checked(
    private: Web, monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...]
) -> None:
    """One of several that is not public refuses the name, whichever it is."""
    names(monkeypatch, found)
    with pytest.raises(BadMessage) as refused:
        fetch(private.host.rpartition(":")[2])
    assert refused.value.reason == "image-refused"
    assert not private.asked
