"""Real servers for tests: Apache Kafka with Milvus Lite, and a Milvus standalone; on free ports, gone at the end."""

import contextlib
import fcntl
import os
import platform
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parts import Part
from streams.settings import Settings
from workers.local.ports import free_port
from workers.local.supervised_process import Process
from workers.local.supervisor import Stack


def local_settings(data: Path, **more: Any) -> Settings:
    """Settings of a stack of its own: free ports, everything below `data`."""
    chosen: dict[str, Any] = {
        "kafka": f"127.0.0.1:{free_port()}",
        "milvus": f"http://127.0.0.1:{free_port()}",
        "data": data,
    } | more
    return Settings(**chosen)


def await_true(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `condition` holds; the test fails when it has not after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} seconds"
        time.sleep(0.02)


@contextlib.contextmanager
def kafka_and_lite(data: Path, **more: Any) -> Iterator[Settings]:
    """Apache Kafka and Milvus Lite with the topics created and no worker; about four seconds to start.

    Yields the settings that lead there. Start it once per run; tests keep apart by their own `prefix`.
    """
    settings = local_settings(data, **more)
    with Stack(settings, workers=0):
        yield settings


def standalone_missing() -> str:
    """Why a Milvus standalone can't run here; empty where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the packaged Milvus standalone runs on Linux x86-64 only, this is {sys.platform} {platform.machine()}"
    try:
        import milvus  # noqa: F401
    except ImportError:
        return "the development package milvus==2.3.5 is not installed"
    return ""


@contextlib.contextmanager
def standalone_milvus(data: Path) -> Iterator[str]:
    """A Milvus 2.3.5 standalone; yields its URI. Skips the test that asks where it can't run."""
    server, uri = standalone_part(data)
    try:
        server.start()
        yield uri
    finally:
        server.kill()  # its data goes with the test; an orderly end takes five seconds


def standalone_part(data: Path) -> tuple[Part, str]:
    """A Milvus 2.3.5 standalone that is not started yet, and its URI. Skips the test that asks where it can't run.

    All of its ports are free ones (etcd's too), so that several run side by side; the log is `data`/milvus.log.
    """
    reason = standalone_missing()
    if reason:
        pytest.skip(reason)
    data.mkdir(parents=True, exist_ok=True)
    program = _unpacked(Settings().cache / "milvus-standalone")
    port, health_port = _configure(data), free_port()
    environment = {
        **os.environ,
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": str(health_port),
        "MILVUSCONF": str(data / "configs"),
        "MILVUS_RUN_DIR": str(data / "run"),
        "LD_LIBRARY_PATH": str(program.parent),
    }
    process = Process(
        name="milvus-standalone",
        command=(str(program), "run", "standalone"),
        prepare=lambda: None,
        ready=lambda: _healthy(health_port),
        grace=30.0,
        folder=data,
    )
    return Part(process, data / "milvus.log", environment), f"http://127.0.0.1:{port}"


def _unpacked(folder: Path) -> Path:
    """The program, unpacked once (246 MB, four seconds) for all runs of this user."""
    from milvus import _initialize_data_files

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _initialize_data_files(str(folder))
    return folder / "bin" / "milvus"


def _configure(data: Path) -> int:
    """Write the server's and its etcd's settings; the port it will listen on."""
    from milvus import MilvusServerConfig

    config = MilvusServerConfig(data_dir=str(data))
    names = [name for name in config.configurable_items if name.endswith("_port")]
    config.update(**{name: free_port() for name in names})
    # Without a file of its own the built-in etcd listens on 2379 and 2380, whatever the port in Milvus' settings.
    etcd = data / "etcd.yaml"
    config.template_text = config.template_text.replace("\netcd:\n", f"\netcd:\n  config:\n    path: {etcd}\n", 1)
    client, peer = (f"http://127.0.0.1:{port}" for port in (config.configs["etcd_port"], free_port()))
    etcd.write_text(
        f"name: default\ndata-dir: {data}/etcd\n"
        f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
        f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\ninitial-cluster: default={peer}\n"
    )
    config.set("log.level", "warn")
    config.resolve()
    return int(config.get("proxy_port"))


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as page:
            return b"OK" in page.read()
    except OSError:
        return False
