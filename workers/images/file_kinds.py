"""What a file is, by its first bytes: what came where a picture was expected. Pure."""

import re

_BY_START = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"%PDF-", "PDF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "icon"),
    (b"PK\3\4", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"%!PS", "PostScript"),
    (b"\x1a\x45\xdf\xa3", "Matroska"),
    (b"OggS", "Ogg"),
    (b"ID3", "MP3"),
    (b"\x7fELF", "ELF"),
    (b"\0asm", "WebAssembly"),
    (b"SQLite format 3\0", "SQLite"),
)
_BY_BRAND = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevc": "HEIC",
    b"hevx": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"crx ": "CR3",
    b"qt  ": "QuickTime",
}
_MARKUP = re.compile(rb"<(?:!--|!doctype\s+)?\s*([a-z][a-z0-9:]*)?", re.IGNORECASE)
_HTML = {b"html", b"head", b"body", b"title", b"script", b"style", b"div", b"p", b"h1", b"center", b"table", b"meta"}
_LOOKED_AT = 512


def kind_of(data: bytes) -> str:
    """The format of a file as a word for people: `JPEG`, `HTML`, `empty`, `text`, or `unknown`.

    >>> kind_of(b"<!DOCTYPE html><title>Sorry"), kind_of(b""), kind_of(b"not found"), kind_of(bytes(9))
    ('HTML', 'empty', 'text', 'unknown')
    """
    start = bytes(data[:_LOOKED_AT])
    if not start:
        return "empty"
    for signature, kind in _BY_START:
        if start.startswith(signature):
            return kind
    if start[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "AVI", b"WAVE": "WAV"}.get(start[8:12], "RIFF")
    if start[4:8] == b"ftyp":
        return _by_brand(start)
    return _text(start)


def described(data: bytes, content_type: str = "") -> str:
    """What came, in words: its kind, its size, and the content type that the host gave it.

    >>> described(b"<html>", "text/html; charset=utf-8")
    'HTML, 6 bytes, sent as text/html'
    """
    said = content_type.partition(";")[0].strip()[:80]
    return f"{kind_of(data)}, {len(data)} bytes" + (f", sent as {said}" if said else "")


def _by_brand(start: bytes) -> str:
    """ISO 14496-12: the main brand, then a version, then the compatible brands; AVIF may be only one of the latter."""
    end = min(int.from_bytes(start[:4], "big"), len(start))
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, end - 3, 4))]
    found = [_BY_BRAND[brand] for brand in brands if brand in _BY_BRAND]
    return next((kind for kind in found if kind != "HEIF"), found[0] if found else "MP4")


def _text(start: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if start.startswith(mark):
            start = start[len(mark) :].decode(encoding, "replace").encode()
    if any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in start):
        return "unknown"
    start = start.lstrip()
    if start[:1] in (b"{", b"["):
        return "JSON"
    if start[:1] != b"<":
        return "text"
    low = start.lower()
    tags = {tag.lower() for tag in _MARKUP.findall(start)}
    if b"svg" in tags or b"<svg" in low:
        return "SVG"
    return "HTML" if tags & _HTML else "XML"
