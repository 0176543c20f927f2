"""Settings: each bad one ends the command with one line that names it."""

from pathlib import Path

import pytest

from streams.failures import CommandFailed
from streams.settings import Settings, read_settings


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
    with pytest.raises(CommandFailed, match=r"LOOKALIKE_KAFKAA is not a setting.*LOOKALIKE_KAFKA,") as failed:
        read_settings()
    assert failed.value.code == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFIX", "Upper"), ("PREFIX", "1a"), ("PREFIX", "a-b"), ("PREFIX", "_a"), ("PREFIX", "a\n"),
        ("MILVUS", "localhost:19530"), ("MILVUS", "file.db"), ("LOG", "xml"), ("IMAGE_HOSTS", "https://example.com"),
        ("IMAGE_HOSTS", "exa mple"), ("IMAGE_HOSTS", "a*.com"), ("KAFKA_CONFIG", "security.protocol=ssl"),
        ("KAFKA_CONFIG", "[1]"),
    ],
)  # fmt: skip
def test_a_bad_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names the variable, exit status 2."""
    monkeypatch.setenv(f"LOOKALIKE_{name}", value)
    with pytest.raises(CommandFailed) as failed:
        read_settings()
    assert failed.value.code == 2
    assert f"LOOKALIKE_{name}" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client settings that can't be read are named, not repeated."""
    monkeypatch.setenv("LOOKALIKE_KAFKA_CONFIG", '{"sasl.password": "hunter2",}')
    with pytest.raises(CommandFailed, match="LOOKALIKE_KAFKA_CONFIG") as failed:
        read_settings()
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("prefix", ["", "a", "shop_", "shop2_x"])
def test_prefixes(prefix: str) -> None:
    """Small letters, digits and `_`: what every name may begin with."""
    assert Settings(prefix=prefix).named("x") == f"{prefix}x"
