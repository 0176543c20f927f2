"""What came where a picture was expected: told by its first bytes, in a word that an operator knows."""

import pytest

from pictures import encoded, image, jpeg
from workers.images.file_kinds import described, kind_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff", "JPEG"),
        (jpeg(1), "JPEG"),
        *((encoded(image(1), name), name) for name in ("PNG", "GIF", "BMP", "TIFF", "AVIF")),
        (encoded(image(1), "WEBP"), "WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "HEIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "MP4"),
        (b"%PDF-1.7", "PDF"),
        (b"  \r\n<!DOCTYPE html>\n<title>Sorry", "HTML"),
        (b"\xef\xbb\xbf<HTML>", "HTML"),
        ("\ufeff<html>".encode("utf-16-le"), "HTML"),
        (b"<!-- served by 7 --><html><body>", "HTML"),
        (b'<?xml version="1.0"?>\n<!-- drawn --><svg xmlns="http://www.w3.org/2000/svg">', "SVG"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'{"error": "gone"}', "JSON"),
        (b"404 page not found", "text"),
        ("Seite nicht gefunden, größer".encode("latin-1"), "text"),
        (b"\0" * 600, "unknown"),
    ],
)
def test_kinds(data: bytes, kind: str) -> None:
    """Pictures of other formats, pages in place of a picture, and nothing at all."""
    assert kind_of(data) == kind


def test_described() -> None:
    """With its size, and the content type if it is known, which may be as long as a hostile host likes."""
    assert described(b"") == "empty, 0 bytes"
    assert described(jpeg(1), "text/plain") == f"JPEG, {len(jpeg(1))} bytes, sent as text/plain"
    assert len(described(b"x", "a" * 9_000)) < 120
