"""Where the server listens: checked, and bound, before anything else is started."""

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.process.reachable_url import reachable_url


def require_token(settings: Settings, host: str) -> None:
    """Raises UsageError where anybody on the network could write interactions."""
    if not settings.serve_token.get_secret_value() and not _is_loopback(host):
        raise UsageError(
            f"set LOOKALIKE_SERVE_TOKEN to listen on {host}: without it anybody who reaches it could write "
            "interactions; on 127.0.0.1 none is needed",
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet: whoever connects meanwhile is refused, and goes elsewhere.

    Raises LookalikeError where another program has it. Port 0 is any free one.
    """
    with _telling(host, port):
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
    return made


def listen(made: socket.socket) -> None:
    """Begin to listen; raises LookalikeError where another program was quicker."""
    with _telling(*made.getsockname()[:2]):
        made.listen(1_024)


@contextlib.contextmanager
def _telling(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LookalikeError(
            f"{host}:{port} can't be listened on: {(error.strerror or str(error)).lower()}; choose another --port"
        ) from None


def address_of(listening: socket.socket) -> str:
    """The URL that leads to it from this machine."""
    host, port = listening.getsockname()[:2]
    return reachable_url(host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
