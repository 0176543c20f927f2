"""Lines of listing events, as `publish` takes them from a file or from stdin."""

import json
from typing import Any

import pytest

from streams.image_urls import why_not_fetchable
from workers.cli.publish import _from_lines, _Rejected

GOOD: dict[str, Any] = {
    "event": "listing-updated",
    "listing_id": "m1",
    "version": 1,
    "status": "on_sale",
    "title": "t",
    "image_urls": ["https://img.example.com/1.jpg"],
}
LINE = json.dumps(GOOD).encode() + b"\n"


def published(*lines: bytes) -> tuple[int, list[dict[str, str]]]:
    """How many lines are events, and what is said of the others."""
    rejected = _Rejected()
    return len(list(_from_lines("f", lines, (), rejected))), rejected.errors


def test_bytes_that_are_not_utf8_are_named_by_line() -> None:
    """Never replaced: a title would be another one, without a word."""
    bad = LINE.replace(b'"t"', b'"caf\xe9"')
    count, errors = published(LINE, bad, b"\xff\xfe\n", LINE.decode().encode("utf-16"), LINE)
    assert count == 2
    assert [each["line"] for each in errors] == ["f:2", "f:3", "f:4"]
    assert errors[0]["reason"] == f"it is not UTF-8: byte 0xe9 at {bad.index(0xE9) + 1}"


def test_a_byte_order_mark_at_the_start_is_no_error() -> None:
    """As editors of Windows write it; elsewhere it is."""
    assert published(b"\xef\xbb\xbf" + LINE, LINE) == (2, [])
    assert published(b"\xef\xbb\xbf\n", LINE) == (1, [])
    assert published(LINE, b"\xef\xbb\xbf" + LINE)[0] == 1


NEVER = [
    "1.jpg",
    "/pictures/1.jpg",
    "//img.example.com/1.jpg",
    "data:image/png;base64,AAAA",
    "ftp://example.com/1.jpg",
    "blob:https://example.com/1",
    "javascript:alert(1)",
    "C:\\pictures\\1.jpg",
    "https://example.com:99999/1.jpg",
    "https://example.com:x/1.jpg",
    "https://example.com:-1/1.jpg",
    "https://example.com:0/1.jpg",
    "https:///1.jpg",
    "http://",
    "https:img.example.com/1.jpg",
    "https://[::1/1.jpg",
    "https://me@/1.jpg",
    "file://server/1.jpg",
    "file:",
    "file:///",
    "img.example.com/1.jpg",
    "https//img.example.com/1.jpg",
    "mailto:me@example.com",
    " ",
    "s3://shop-pictures/1.jpg",
    "gs://shop-pictures/1.jpg",  # no bucket is named
]
MAYBE = [
    "https://img.example.com/1.jpg",
    "HTTP://IMG.EXAMPLE.COM:8080/1.jpg?a=%2C&b=ä#x",
    "http://[2001:db8::1]:80/1.jpg",
    "https://bücher.example/1.jpg",
    "file:///pictures/a%20b.jpg",
    "file://localhost/pictures/1.jpg",
    "https://example.com",
    "https://me:secret@example.com/1.jpg",
]


@pytest.mark.parametrize("url", NEVER)
def test_an_address_that_no_worker_could_fetch(url: str) -> None:
    """It is named by line and place, before it is an event that would end as a dead letter."""
    line = json.dumps(GOOD | {"image_urls": [MAYBE[0], url]}).encode()
    count, errors = published(line)
    assert count == 0
    assert errors[0]["line"] == "f:1"
    assert errors[0]["reason"].startswith("image_urls.1: ")


@pytest.mark.parametrize("url", MAYBE)
def test_an_address_that_a_worker_might_fetch(url: str) -> None:
    """Whether its host and its root are allowed is the workers' own setting."""
    assert why_not_fetchable(url) is None


def test_a_removal_needs_no_address() -> None:
    """And the event's name is still required."""
    assert published(json.dumps({**GOOD, "status": "removed", "image_urls": []}).encode()) == (1, [])
    assert published(json.dumps({**GOOD, "event": None}).encode())[0] == 0
