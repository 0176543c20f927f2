"""Addresses of the local stack: read from the settings, checked before anything starts."""

import random
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from streams.errors import LookalikeError, UsageError
from streams.redaction import shown_address
from streams.settings import Settings

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PORTS = range(20_000, 29_000)
_given: set[int] = set()  # by `free_port`, to whoever has not bound it yet


@dataclass(frozen=True)
class Address:
    """Where a server of the local stack listens, and the setting that says so."""

    host: str
    port: int
    setting: str

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def kafka_address(settings: Settings) -> Address:
    """The one loopback host:port that `settings.kafka` names; UsageError when it names anything else."""
    protocol = str(settings.kafka_config.get("security.protocol", "plaintext"))
    if protocol.lower() != "plaintext":
        raise UsageError(
            f"LOOKALIKE_KAFKA_CONFIG asks for {protocol}, which the local stack does not speak; unset it for `up`"
        )
    return _loopback(settings.kafka, f"//{settings.kafka}", "LOOKALIKE_KAFKA")


def milvus_address(settings: Settings) -> Address:
    """The one loopback host:port that `settings.milvus` names; UsageError when it names anything else."""
    return _loopback(settings.milvus, settings.milvus, "LOOKALIKE_MILVUS")


def _loopback(given: str, url: str, setting: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number
        parts, port = urlsplit(""), None
    if parts.hostname not in _LOOPBACK or not port or parts.scheme == "https":
        example = "127.0.0.1:29092" if setting == "LOOKALIKE_KAFKA" else "http://127.0.0.1:29530"
        raise UsageError(
            f"{setting}={shown_address(given)}: the local stack listens on one address of this machine, without TLS; "
            f"unset it or give one like {example}",
        )
    return Address(parts.hostname or "", port, setting)


def require_free(address: Address) -> None:
    """Raise LookalikeError when another program listens on `address`."""
    family, *_, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of an earlier run that are still winding down don't count; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            raise LookalikeError(
                f"{address} can't be listened on: {(error.strerror or str(error)).lower()}{_listener(address.port)}; "
                f"stop what uses it or choose another port with {address.setting}",
            ) from None


def _listener(port: int) -> str:
    """Who listens on `port`, where the system tells us."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" (by {psutil.Process(connection.pid).name()}, pid {connection.pid})"
    except psutil.Error:
        pass
    return ""


def answers(address: Address, greeting: bytes = b"") -> bytes | None:
    """None when nobody listens on `address`, else the first bytes that come back for `greeting` (within one second)."""
    try:
        with socket.create_connection((address.host, address.port), timeout=1.0) as connection:
            if not greeting:
                return b""
            connection.sendall(greeting)
            return connection.recv(64)
    except OSError:
        return None


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on, below the range from which outgoing connections take theirs."""
    for port in random.sample(_PORTS, 200):
        if port in _given:
            continue
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise LookalikeError(f"no free port between {_PORTS.start} and {_PORTS.stop} on {host}")
