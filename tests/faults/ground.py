"""The ground of the fault suite: real servers, each a single process, with a proxy between them and the workers.

    test ─────────────► Kafka, Milvus Lite, Milvus standalone
    worker ──► proxy ──► the same

Kafka has a second listener for that: its advertised address is the proxy's, so each connection of a worker passes it.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from faults.proxy import Proxy, proxy_to
from parts import Part
from servers import local_settings, standalone_part
from streams.settings import Settings
from workers.local import kafka, milvus
from workers.local.environment import child_environment
from workers.local.ports import free_port, kafka_address
from workers.local.supervised_process import Process


@dataclasses.dataclass(frozen=True)
class Store:
    """A Milvus of either kind: the server, the way around the proxy for the test, and the worker's way through it."""

    part: Part
    proxy: Proxy
    uri: str


@dataclasses.dataclass
class Ground:
    """What all cases share; each case keeps apart by its prefix, and leaves everything running."""

    folder: Path
    settings: Settings
    kafka: Part
    kafka_proxy: Proxy
    lite: Store
    _open: contextlib.ExitStack
    _standalone: Store | None = None

    @property
    def standalone(self) -> Store:
        """The standalone server, started where it is asked for first. Skips the test where it can't run."""
        if self._standalone is None:
            part, uri = standalone_part(self.folder / "standalone")
            self._open.callback(part.kill)
            part.start()
            self._standalone = Store(part, self._open.enter_context(proxy_to(_port(uri))), uri)
        return self._standalone

    def store(self, name: str) -> Store:
        """`lite` or `standalone`."""
        return self.lite if name == "lite" else self.standalone

    def through_proxies(self, settings: Settings) -> Settings:
        """`settings` of a case as its workers get them."""
        store = self.lite if settings.milvus == self.lite.uri else self.standalone
        return settings.model_copy(
            update={
                "kafka": f"127.0.0.1:{self.kafka_proxy.port}",
                "milvus": f"http://127.0.0.1:{store.proxy.port}",
            }
        )

    def heal(self) -> None:
        """Whatever a case did, the next one finds everything running."""
        stores = [self.lite, *([self._standalone] if self._standalone else [])]
        for part in (self.kafka, *(store.part for store in stores)):
            part.thaw()
            part.ensure()
        for proxy in (self.kafka_proxy, *(store.proxy for store in stores)):
            proxy.heal()


@contextlib.contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Kafka and Milvus Lite, running; some four seconds to start."""
    settings = local_settings(folder / "data")
    behind = free_port()
    with contextlib.ExitStack() as stack:
        kafka_proxy = stack.enter_context(proxy_to(behind))
        broker = Part(_with_a_door(settings, behind, kafka_proxy.port), folder / "kafka.log")
        lite = Part(milvus.process(settings), folder / "lite.log", child_environment(settings))
        for part in (broker, lite):
            stack.callback(part.kill)
            part.start(await_ready=False)
        for part in (broker, lite):
            part.await_ready()
        lite_proxy = stack.enter_context(proxy_to(_port(settings.milvus)))
        yield Ground(folder, settings, broker, kafka_proxy, Store(lite, lite_proxy, settings.milvus), stack)


def _with_a_door(settings: Settings, port: int, advertised: int) -> Process:
    """The local stack's broker with a second listener, whose advertised address is the proxy's."""
    process = kafka.process(settings)
    file = settings.data / "kafka" / "server.properties"
    address = kafka_address(settings)

    def prepare() -> None:
        process.prepare()
        controller = next(line for line in file.read_text().splitlines() if line.startswith("listeners=")).split(",")[1]
        # Of two lines with one name the later counts.
        with file.open("a") as properties:
            properties.write(
                f"listeners=BROKER://{address},DOOR://127.0.0.1:{port},{controller}\n"
                f"advertised.listeners=BROKER://{address},DOOR://127.0.0.1:{advertised}\n"
                "listener.security.protocol.map=BROKER:PLAINTEXT,DOOR:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                "log.cleaner.backoff.ms=500\n"  # a compaction that a case waits for
            )

    return dataclasses.replace(process, prepare=prepare)


def _port(uri: str) -> int:
    port = urlsplit(uri).port
    assert port
    return port
