"""No password of an address leaves, whichever way it is said."""

import logging
from io import StringIO
from pathlib import Path

import pytest
import structlog

from streams.errors import BadMessage, Broken, LookalikeError, SlowDown, unreachable
from streams.logging_setup import set_up_log
from streams.redaction import redacted, shown_address
from streams.settings import read_settings
from workers.local.ports import milvus_address

ADDRESSES = [
    "http://root:secret@db:19530",
    "https://root:se@secret@db:1/x",
    "http://root:se/secret@db:19530",
    "https://secret@example.com/a.jpg",
    "HTTPS://u:secret@[::1]:80/",
    "kafka://u:secret@k:9092",
    "http://:secret@h/",
    "http://u:a?secret@h/",
    "http://u:12345secret@h/",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_removed(address: str) -> None:
    """From a text, from each kind of failure, and from what shows one address."""
    text = f"asked {address} twice, then 'http://ok.example/@a:b'"
    for said in (
        redacted(text),
        str(LookalikeError(text)),
        str(SlowDown(text)),
        str(Broken(text)),
        BadMessage("fetch-refused", text).error,
        str(BadMessage("fetch-refused", text)),
        shown_address(address),
        str(unreachable("Milvus", address, "try again")),
    ):
        assert "secret" not in said
        assert "***@" in said


@pytest.mark.parametrize(
    "text", ["https://medium.com/@user/a:b", "http://h:8080/a@b", "mail a@b.c: http://h", "no address", "a:b@c"]
)
def test_left_alone(text: str) -> None:
    """An @ in a path is no password."""
    assert redacted(text) == text


@pytest.mark.parametrize("style", ["console", "json"])
def test_logs(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields, nested ones, foreign records and tracebacks; on a terminal without what it would obey."""
    out = StringIO()
    monkeypatch.setattr("sys.stderr", out)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_log("console" if style == "console" else "json")
        address = "http://u:secret@h/\u202e\x9b"
        structlog.get_logger("one").warning("away", url=address, more=[{"at": Path("x"), "url": address}])
        logging.getLogger("some.library").warning("asked %s", address)
        try:
            int(address)
        except ValueError:
            structlog.get_logger("two").exception("failed")
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    said = out.getvalue()
    assert said.count("***@") >= 4
    assert not {"\u202e", "\x9b"} & set(said)
    assert "secret" not in said


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bad address is not repeated with its password, whether or not it has a scheme."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LookalikeError, match="LOOKALIKE_MILVUS") as bad:
        read_settings(milvus="root:secret@db:19530")
    assert "secret" not in str(bad.value)
    with pytest.raises(LookalikeError, match="LOOKALIKE_MILVUS") as far:
        milvus_address(read_settings(milvus="http://root:secret@db:19530"))
    assert "secret" not in str(far.value)
