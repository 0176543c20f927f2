"""Files of pictures with more, less or other parts than an encoder writes, and pictures that cost a decoder dear."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG: kind and body."""
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def png_of(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks."""
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in parts)


def with_chunk(png: bytes, kind: bytes, body: bytes, *, before: bytes = b"IDAT") -> bytes:
    """A PNG with one chunk more, before the first of a kind."""
    parts = list(chunks(png))
    place = [each for each, _ in parts].index(before)
    return png_of([*parts[:place], (kind, body), *parts[place:]])


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with further segments behind its first two bytes."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif(orientation: int, *entries: bytes, order: str = ">") -> bytes:
    """EXIF with an orientation, and with other entries of 12 bytes before it."""
    own = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(entries) + 1) + b"".join(entries) + own + bytes(4)


def webp_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a WebP: kind and body."""
    found, at = [], 12
    while at < len(webp):
        kind, length = struct.unpack_from("<4sI", webp, at)
        found.append((kind, webp[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def webp_of(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A WebP of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(each)) + each + b"\0" * (len(each) % 2) for kind, each in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def extended(size: tuple[int, int], flags: int) -> tuple[bytes, bytes]:
    """The header of a WebP with further chunks."""
    width, height = size
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of one colour whose last scan is there again and again."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 40)).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()[:-2]
    last = jpeg[jpeg.rindex(b"\xff\xda") :]
    return jpeg + last * (scans - jpeg.count(b"\xff\xda")) + b"\xff\xd9"


def many_chunks(count: int) -> bytes:
    """A PNG of one colour whose data is in so many chunks, nearly all of them empty."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 40)).save(buffer, "PNG")
    parts = dict(chunks(buffer.getvalue()))
    head, end = chunk(b"IHDR", parts[b"IHDR"]), chunk(b"IEND", b"")
    return SIGNATURE + head + chunk(b"IDAT", b"") * (count - 1) + chunk(b"IDAT", parts[b"IDAT"]) + end


def slow_to_decode() -> bytes:
    """50 megapixels of one colour as lossless WebP: legal, 38 bytes, and seconds in its decoder."""
    buffer = io.BytesIO()
    Image.new("RGB", (8_160, 6_120), (90, 10, 200)).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()
