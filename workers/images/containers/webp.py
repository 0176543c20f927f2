"""WebP: its picture, or the first frame of its animation. Layout: RFC 9649, section 2."""

import struct

from workers.images.containers.exif import orientation_of
from workers.images.containers.stripped import PROFILE_BYTES, Stripped, broken, count_part

_ALPHA, _ANIMATION = 0x10, 0x02
_PICTURES = (b"VP8 ", b"VP8L")


def strip(data: bytes) -> Stripped:
    """The picture in a WebP file. Raises BadMessage as `containers.strip`."""
    at, parts = 12, 0
    first: dict[bytes, bytes] = {}
    while at + 8 <= len(data):
        parts = count_part(parts)
        kind, length = struct.unpack_from("<4sI", data, at)
        first.setdefault(kind, data[at + 8 : at + 8 + length])
        if kind in _PICTURES and b"VP8X" not in first:
            break  # a file without that header has one chunk
        at += 8 + length + length % 2
    exif = first.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    profile = first.get(b"ICCP") or None
    if profile is not None and len(profile) > PROFILE_BYTES:
        profile = None
    return Stripped(_file(_kept(first)), orientation_of(exif), profile)


def _kept(first: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    picture = [(kind, first[kind]) for kind in _PICTURES if kind in first][:1]
    header = first.get(b"VP8X")
    if header is None and picture:
        return picture
    if header is None or len(header) < 10:
        raise broken("it has no picture")
    animated = bool(header[0] & _ANIMATION) and b"ANMF" in first
    flags = header[0] & _ALPHA | _ANIMATION * animated
    kept = [(b"VP8X", bytes([flags, 0, 0, 0]) + header[4:10])]
    if animated:
        return [*kept, (b"ANIM", first.get(b"ANIM", bytes(6))), (b"ANMF", first[b"ANMF"])]
    alpha = [(b"ALPH", first[b"ALPH"])] if b"ALPH" in first and b"VP8 " in first else []
    if not picture:
        raise broken("it has no picture")
    return [*kept, *alpha, *picture]


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(each)) + each + b"\0" * (len(each) % 2) for kind, each in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
