"""When a process is started again, and what is read from settings: plain values, no process."""

import socket
from pathlib import Path

import pytest

from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.local.environment import child_environment
from workers.local.kafka import properties
from workers.local.logs import last_line, open_log, rotate
from workers.local.ports import Address, free_port, kafka_address, milvus_address, require_free
from workers.local.supervised_process import failures_after, next_delay


def test_waits_double_up_to_thirty_seconds() -> None:
    """The first restart comes after half a second, each further one after twice as long, none after more than 30 s."""
    assert [next_delay(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert next_delay(10_000) == 30


def test_a_minute_of_good_running_forgives() -> None:
    """Failures count in a row; one after a minute of running is the first again."""
    assert failures_after(0, 0.0) == 1
    assert failures_after(4, 59.9) == 5
    assert failures_after(4, 60.0) == 1


@pytest.mark.parametrize("given", ["127.0.0.1:29092", "localhost:1234", "[::1]:29092"])
def test_kafka_on_loopback_is_ours(given: str) -> None:
    """One loopback host and port is what the local stack can listen on, IPv6 too."""
    assert str(kafka_address(Settings(kafka=given))) == given


@pytest.mark.parametrize("given", ["broker.example:9092", "127.0.0.1:1,127.0.0.1:2", "127.0.0.1", "localhost:x"])
def test_kafka_elsewhere_is_refused(given: str) -> None:
    """Anything else ends the command with exit 2, the setting's name and a value that would do."""
    with pytest.raises(UsageError, match=r"LOOKALIKE_KAFKA=.*127\.0\.0\.1:29092"):
        kafka_address(Settings(kafka=given))


@pytest.mark.parametrize("given", ["http://milvus.example:19530", "https://127.0.0.1:29530", "http://127.0.0.1"])
def test_milvus_elsewhere_is_refused(given: str) -> None:
    """A server of someone else, or TLS, is not what the local stack can be."""
    with pytest.raises(UsageError, match="LOOKALIKE_MILVUS="):
        milvus_address(Settings(milvus=given))


def test_kafka_with_tls_is_refused() -> None:
    """Client settings for a secured cluster would keep every worker from the local broker: said before it starts."""
    with pytest.raises(UsageError, match="SASL_SSL"):
        kafka_address(Settings(kafka_config={"security.protocol": "SASL_SSL"}))


def test_a_port_in_use_names_the_setting_and_the_program() -> None:
    """The line says which address, who listens there, and which variable to change."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = Address("127.0.0.1", other.getsockname()[1], "LOOKALIKE_KAFKA")
        with pytest.raises(LookalikeError, match=rf"{address.port} .*pid \d+.*LOOKALIKE_KAFKA") as refused:
            require_free(address)
    assert type(refused.value) is LookalikeError
    require_free(address)


def test_free_ports_differ() -> None:
    """Two servers about to start are never given one port."""
    assert len({free_port() for _ in range(50)}) == 50


def test_children_are_told_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator chose by option or variable reaches each process; a setting that is added must be passed on."""
    settings = Settings(
        kafka="localhost:1234",
        kafka_config={"client.rack": "a"},
        prefix="cat_",
        milvus="http://localhost:1",
        milvus_token="secret",  # noqa: S106 - a made-up one
        model="some/folder",
        data=tmp_path,
        image_roots=(tmp_path, tmp_path / "b"),
        image_hosts=("a.example", "b.example:80"),
        log="console",
    )
    for name, value in child_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert set(Settings().model_dump()) == {*settings.model_dump()}
    assert Settings(_env_file=None) == settings.model_copy(update={"log": "json"})
    assert {f"LOOKALIKE_{name.upper()}" for name in Settings.model_fields} <= set(child_environment(settings))


def test_broker_settings_need_no_escaping() -> None:
    """Paths are relative to the broker's folder, and the internal topics ask for one replica."""
    lines = dict(line.split("=", 1) for line in properties(Address("::1", 9, "X"), 10).splitlines())
    assert lines["log.dirs"] == "log"
    assert lines["advertised.listeners"] == "BROKER://[::1]:9"
    assert {value for name, value in lines.items() if name.endswith(("replication.factor", "min.isr"))} == {"1"}


def test_logs_are_capped_and_three_are_kept(tmp_path: Path) -> None:
    """A log over its size moves aside while its writer goes on appending; the fourth oldest is dropped."""
    path = tmp_path / "logs" / "a.log"
    with open_log(path) as log:
        for age in range(5):
            log.write(f"run {age}\n".encode() * 10)
            log.flush()
            rotate(path, largest=10)
        log.write(b"now\n")
    assert path.read_text() == "now\n"
    kept = sorted(file.name for file in path.parent.iterdir())
    assert kept == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert "run 4" in (tmp_path / "logs" / "a.log.1").read_text()
    assert "run 2" in (tmp_path / "logs" / "a.log.3").read_text()


def test_last_line_is_the_reason(tmp_path: Path) -> None:
    """Empty lines at the end are no reason; a log that is not there has none."""
    (tmp_path / "a.log").write_text("first\nlast words\n\n  \n")
    assert last_line(tmp_path / "a.log") == "last words"
    assert last_line(tmp_path / "b.log") == ""
