"""LOOKALIKE_CA_FILE: the operator's own authority vouches for image hosts, Milvus and Kafka alike."""

import asyncio
import contextlib
import http.server
import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka.admin import AdminClient

from pictures import jpeg
from streams.clients import client_config
from streams.errors import LookalikeError
from streams.settings import Settings
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.indexer.faust.client_options import broker_options
from workers.milvus import client as vectors_client

LIMITS = ImageLimits(seconds=10, attempts=1)


class _Pictures(http.server.BaseHTTPRequestHandler):
    """A picture for everyone."""

    def do_GET(self) -> None:
        """Answers every path."""
        body = jpeg(1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")  # clients of object stores want both
        self.send_header("ETag", '"a"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that no system knows."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate."""
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    """Of an image host on loopback with a certificate for `localhost` by that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url: str, ca_file: Path | None) -> bytes:
    """One fetch."""

    async def once() -> bytes:
        buckets = ("s3://pictures", "gs://pictures")
        settings = Settings(image_hosts=("127.0.0.1", "localhost"), image_buckets=buckets, ca_file=ca_file)
        async with Fetcher(settings, LIMITS, HostLimits()) as fetcher:
            return (await fetcher.fetch(url)).data

    return asyncio.run(once())


def test_an_image_host(port: int, ca_file: Path) -> None:
    """It is believed with the file, and not without it; nor under a name that its certificate does not have."""
    assert fetch(f"https://localhost:{port}/a.jpg", ca_file) == jpeg(1)
    with pytest.raises(HostUnavailable, match="Certificate"):
        fetch(f"https://localhost:{port}/a.jpg", None)
    with pytest.raises(HostUnavailable, match="Certificate"):
        fetch(f"https://127.0.0.1:{port}/a.jpg", ca_file)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_an_object_store(port: int, ca_file: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """It is believed with the file, and not without it."""
    base = f"https://localhost:{port}"
    for name, value in (("ENDPOINT", base), ("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "key")):
        monkeypatch.setenv(f"AWS_{name}", value)
    key = {"gcs_base_url": base, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))
    assert fetch(f"{scheme}://pictures/a.jpg", ca_file) == jpeg(1)
    with pytest.raises(HostUnavailable):
        fetch(f"{scheme}://pictures/a.jpg", None)


def test_kafka(ca_file: Path, port: int) -> None:
    """Both of its clients are given the file if brokers have TLS; what the client settings say comes first."""
    tls = Settings(kafka_config={"security.protocol": "ssl"}, ca_file=ca_file)
    assert client_config(tls)["ssl.ca.location"] == str(ca_file)
    context = broker_options(tls)["broker_credentials"].context

    async def connect() -> None:
        _, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.close()

    asyncio.run(connect())
    assert "ssl.ca.location" not in client_config(Settings(ca_file=ca_file))
    own = {"security.protocol": "ssl", "ssl.ca.location": "probe"}
    assert client_config(Settings(kafka_config=own, ca_file=ca_file))["ssl.ca.location"] == "probe"


def test_milvus(ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is given the file if the server has TLS."""
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(vectors_client, "MilvusClient", lambda **options: given.append(options))
    for uri in ("https://milvus.example:19530", "http://milvus.example:19530"):
        vectors_client.connect(Settings(milvus=uri, ca_file=ca_file))
    assert [each.get("server_pem_path") for each in given] == [str(ca_file), None]


@pytest.fixture
def believed(authority: trustme.CA) -> Iterator[tuple[int, "queue.SimpleQueue[bool]"]]:
    """The port of a server that speaks nothing but TLS, and whether its clients believed its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])  # gRPC's
    authority.issue_cert("localhost").configure_cert(context)
    told = queue.SimpleQueue[bool]()

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = listening.accept()
                connection.settimeout(10)
                try:
                    with context.wrap_socket(connection, server_side=True) as spoken:
                        told.put(bool(spoken.recv(1)))
                except OSError:
                    told.put(False)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], told
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("given", [True, False])
def test_kafkas_own_client(believed: tuple[int, "queue.SimpleQueue[bool]"], ca_file: Path, given: bool) -> None:
    """librdkafka speaks to a broker with the file, and breaks off without it."""
    port, told = believed
    tls = {"security.protocol": "ssl"}
    settings = Settings(kafka=f"localhost:{port}", kafka_config=tls, ca_file=ca_file if given else None)
    client = AdminClient(client_config(settings))
    assert told.get(timeout=20) is given
    del client


@pytest.mark.parametrize("given", [True, False])
def test_milvus_own_client(believed: tuple[int, "queue.SimpleQueue[bool]"], ca_file: Path, given: bool) -> None:
    """pymilvus speaks to a server with the file, and breaks off without it."""
    port, told = believed
    with pytest.raises(LookalikeError):  # no Milvus answers
        vectors_client.connect(Settings(milvus=f"https://localhost:{port}", ca_file=ca_file if given else None))
    assert told.get(timeout=20) is given
