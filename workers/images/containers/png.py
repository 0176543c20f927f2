"""PNG: header, palette, transparency and data. Layout: the W3C's PNG specification, third edition."""

import struct
import zlib

from workers.images.containers.exif import orientation_of
from workers.images.containers.stripped import PROFILE_BYTES, Stripped, broken, count_part

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3


def strip(data: bytes) -> Stripped:
    """The picture in a PNG file; of an animation the one that is shown without it. Raises BadMessage as
    `containers.strip`."""
    at, parts = len(_SIGNATURE), 0
    first: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    while at + 8 <= len(data):
        parts = count_part(parts)
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        at += 12 + length
        if kind == b"IDAT":
            pixels.append(chunk[8 : 8 + length])
        elif kind == b"IEND":
            break
        elif kind in (b"IHDR", b"eXIf", b"iCCP") or (kind in (b"PLTE", b"tRNS") and not pixels):
            first.setdefault(kind, chunk)
    header = first.get(b"IHDR", b"")
    if len(header) != 25 or not pixels:
        raise broken("it has no header or no pixels")
    depth, colours = header[16], header[17]
    kept = [_SIGNATURE, header]
    if colours == _PALETTE:
        palette = first.get(b"PLTE", b"")
        kept += [palette, _chunk(b"tRNS", _body(first, b"tRNS")[: max(0, len(palette) - 12) // 3])]
    kept += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    return Stripped(
        b"".join(kept),
        orientation_of(_body(first, b"eXIf")),
        _profile(_body(first, b"iCCP")),
        _transparent(colours, depth, _body(first, b"tRNS")),
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    if kind == b"tRNS" and not body:
        return b""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _body(chunks: dict[bytes, bytes], kind: bytes) -> bytes:
    """What stands in an optional chunk; nothing where its checksum is wrong, as libpng has it."""
    chunk = chunks.get(kind, b"")
    whole = len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
    return chunk[8:-4] if whole else b""


def _transparent(colours: int, depth: int, body: bytes) -> tuple[int, ...] | None:
    """Pillow compares it with pixels of another depth, so it is not told."""
    if colours == _GREY and len(body) == 2 and 0 < depth <= 16:
        grey = int.from_bytes(body, "big") & (1 << depth) - 1
        return (grey if depth == 16 else grey * 255 // ((1 << depth) - 1),)
    if colours == _RGB and len(body) == 6:
        return tuple(each >> depth - 8 & 0xFF for each in struct.unpack(">3H", body)) if depth in (8, 16) else None
    return None


def _profile(body: bytes) -> bytes | None:
    name, _, packed = body.partition(b"\0")
    if len(name) > 79 or packed[:1] != b"\0":
        return None
    try:
        unpacking = zlib.decompressobj()
        profile = unpacking.decompress(packed[1:], PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacking.eof else None
