"""Visitors who send half a request: they cost a server with few descriptors neither its answers nor its log."""

import json
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from awaiting import eventually
from behaviour.server.conftest import Shop
from workers.local.environment import child_environment

DESCRIPTORS, HALF_OPEN = 256, 300


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def test_half_open_requests(market: Shop, tmp_path: Path) -> None:
    """300 half-open requests, more than it has descriptors: a whole one is answered beside them, the log is still."""
    ready, log = tmp_path / "ready", tmp_path / "log"
    command = [
        sys.executable,
        "-m",
        "workers.cli",
        "serve",
        "--port",
        "0",
        "--device",
        "cpu",
        "--ready-file",
        str(ready),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=child_environment(market.settings), preexec_fn=_few_descriptors
        )
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, "serve is ready", seconds=120)
        assert process.poll() is None, log.read_text()
        base = json.loads(ready.read_text())["health"].removesuffix("/health")
        before = log.stat().st_size
        address = (urlsplit(base).hostname, urlsplit(base).port)
        with ExitStack() as stack:
            for number in range(HALF_OPEN):
                half = stack.enter_context(socket.create_connection(address, timeout=20))
                half.sendall(b"GET /v1/listings/m1/similar HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Number: %d" % number)
            began = time.monotonic()
            for _ in range(5):
                answer = httpx.get(f"{base}/v1/listings/m1/similar", timeout=10)
                assert answer.status_code == 200, answer.text
            assert time.monotonic() - began < 10
            assert psutil.Process(process.pid).num_fds() < DESCRIPTORS - 20
        assert log.stat().st_size - before < 2_000, log.read_text()
    finally:
        process.kill()
        process.wait(20)
