"""Settings: each bad one ends the command with one line that names it."""

import json
from pathlib import Path

import pytest

from streams.errors import LookalikeError, UsageError
from streams.settings import Settings, read_settings
from workers.local.environment import child_environment


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a `.env`."""
    monkeypatch.chdir(tmp_path)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lists are split, paths made whole, hosts in small letters; options win."""
    monkeypatch.setenv("LOOKALIKE_KAFKA", "a:1,b:2")
    monkeypatch.setenv("LOOKALIKE_IMAGE_ROOTS", f"{tmp_path}:.")
    monkeypatch.setenv("LOOKALIKE_IMAGE_HOSTS", "*.Example.com, 127.0.0.1:8000")
    monkeypatch.setenv("LOOKALIKE_KAFKA_CONFIG", '{"security.protocol": "ssl"}')
    monkeypatch.setenv("LOOKALIKE_MILVUS_TOKEN", "root:secret")
    settings = read_settings(prefix="p_", kafka=None)
    assert settings.kafka == "a:1,b:2"
    assert settings.image_roots == (tmp_path, tmp_path)
    assert settings.image_hosts == ("*.example.com", "127.0.0.1:8000")
    assert settings.kafka_config == {"security.protocol": "ssl"}
    assert settings.named("listings") == "p_listings"
    assert "secret" not in repr(settings)


def test_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` in the current folder; the environment wins."""
    (tmp_path / ".env").write_text("LOOKALIKE_PREFIX=file_\nLOOKALIKE_KAFKA=file:1\nOTHER=1\n")
    monkeypatch.setenv("LOOKALIKE_KAFKA", "environment:1")
    settings = read_settings()
    assert (settings.prefix, settings.kafka) == ("file_", "environment:1")


@pytest.mark.parametrize("place", ["environment", "file"])
def test_an_unknown_variable(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spelling mistake is said, wherever it stands, with the names that there are."""
    if place == "file":
        (tmp_path / ".env").write_text("LOOKALIKE_KAFKAA=x\n")
    else:
        monkeypatch.setenv("LOOKALIKE_KAFKAA", "x")
    with pytest.raises(UsageError, match=r"LOOKALIKE_KAFKAA is not a setting.*LOOKALIKE_KAFKA,"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFIX", "Upper"),
        ("PREFIX", "1a"),
        ("PREFIX", "a-b"),
        ("PREFIX", "_a"),
        ("PREFIX", "a\n"),
        ("MILVUS", "localhost:19530"),
        ("MILVUS", "file.db"),
        ("LOG", "xml"),
        ("IMAGE_HOSTS", "https://example.com"),
        ("IMAGE_HOSTS", "exa mple"),
        ("IMAGE_HOSTS", "a*.com"),
        ("KAFKA_CONFIG", "security.protocol=ssl"),
        ("KAFKA_CONFIG", "[1]"),
        ("CA_FILE", "/nowhere/ca.pem"),
        ("CA_FILE", "/"),
        ("CA_FILE", "/dev/null"),
        ("IMAGE_HEADERS", '{"a.example": {"X": "hunter2"'),
        ("IMAGE_HEADERS", "[]"),
        ("IMAGE_HEADERS", '{"a": "hunter2"}'),
        ("IMAGE_HEADERS", '{"https://a": {"X": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"a": {"X": ["hunter2"]}}'),
        ("IMAGE_HEADERS", '{"a": {"X Y": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"a": {"X": "hunter2\\r\\nHost: b"}}'),
        ("IMAGE_HEADERS", '{"a": {"Host": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"a": {"accept-encoding": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"*": {"Authorization": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"*:80": {"Cookie": "hunter2"}}'),
        ("IMAGE_HEADERS", '{"a": {"X": "hunter2", "x": "b"}}'),
        ("IMAGE_HEADERS", '{"a": {"X": ""}}'),
        ("IMAGE_HEADERS", '{"a": {"X": "hunter2é"}}'),
        ("IMAGE_BUCKETS", "shop-pictures"),
        ("IMAGE_FORMATS", "gif,heic"),
        ("IMAGE_FORMATS", "BMP"),
        ("IMAGE_BUCKETS", "s3://shop-pictures/folder"),
        ("IMAGE_BUCKETS", "s3://*"),
        ("IMAGE_BUCKETS", "az://shop"),
    ],
)
def test_a_bad_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names the variable, exit status 2."""
    monkeypatch.setenv(f"LOOKALIKE_{name}", value)
    with pytest.raises(UsageError) as failed:
        read_settings()
    assert f"LOOKALIKE_{name}" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client settings that can't be read are named, not repeated."""
    monkeypatch.setenv("LOOKALIKE_KAFKA_CONFIG", '{"sasl.password": "hunter2",}')
    with pytest.raises(LookalikeError, match="LOOKALIKE_KAFKA_CONFIG") as failed:
        read_settings()
    assert "hunter2" not in str(failed.value)


def test_request_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By host, in ASCII; the values are in no representation of the settings, and reach child processes whole."""
    text = '{"*": {"User-Agent": "us (ops@a.example)"}, "Bücher.example": {"Authorization": "Bearer hunter2"}}'
    monkeypatch.setenv("LOOKALIKE_IMAGE_HEADERS", text)
    settings = read_settings()
    assert set(settings.image_headers) == {"*", "xn--bcher-kva.example"}
    assert "hunter2" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    again = child_environment(settings)["LOOKALIKE_IMAGE_HEADERS"]
    assert json.loads(again)["xn--bcher-kva.example"] == {"Authorization": "Bearer hunter2"}
    monkeypatch.setenv("LOOKALIKE_IMAGE_HEADERS", again)
    assert read_settings() == settings


def test_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, of both kinds of store; child processes get them all."""
    monkeypatch.setenv("LOOKALIKE_IMAGE_BUCKETS", "s3://shop-pictures, gs://shop.example_2")
    settings = read_settings()
    assert settings.image_buckets == ("s3://shop-pictures", "gs://shop.example_2")
    monkeypatch.setenv("LOOKALIKE_IMAGE_BUCKETS", child_environment(settings)["LOOKALIKE_IMAGE_BUCKETS"])
    assert read_settings() == settings


@pytest.mark.parametrize("prefix", ["", "a", "shop_", "shop2_x"])
def test_prefixes(prefix: str) -> None:
    """Small letters, digits and `_`: what every name may begin with."""
    assert Settings(prefix=prefix).named("x") == f"{prefix}x"
