"""JPEG: frame, tables and scans; of the application's segments only what tells the colour model.

Layout: ITU-T T.81, annex B. Between scans libjpeg reads on by itself, and passes over what it doesn't know.
"""

import re

from streams.errors import BadMessage
from workers.images.containers.exif import orientation_of
from workers.images.containers.stripped import PROFILE_BYTES, Stripped, broken, count_part

SCANS = 100
"""A progressive picture has 3 to 13; each goes over all of its blocks once more."""
SCANNED = 650_000_000
"""Pixels times scans: 50 megapixels in 13 scans."""
_START, _END, _SCAN, _TABLES = b"\xff\xd8", b"\xff\xd9", 0xDA, {0xC4, 0xCC, 0xDB, 0xDD}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
"""Markers without a segment, and FF 00, which is none."""
_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
"""Only that it is there tells something: the colours are YCbCr, or grey."""
_ICC = b"ICC_PROFILE\0"


class _Header:
    """What stands before the first scan."""

    def __init__(self) -> None:
        self.kept: list[bytes] = [_START]
        self.exif = b""
        self.pixels = self.components = 0
        self._profile: dict[int, bytes] = {}
        self._pieces = 0

    def take(self, marker: int, segment: bytes) -> None:
        """Note one segment (with its marker and length)."""
        body = segment[4:]
        if marker in _FRAMES or marker in _TABLES:
            self.kept.append(segment)
            if marker in _FRAMES:
                self.pixels = int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big")
                self.components = body[5] if len(body) > 5 else 0
        elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
            self.kept.append(_JFIF)
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            self.kept.append(segment)
        elif marker == 0xE1 and body[:4] == b"Exif" and not self.exif:
            self.exif = body[6:]
        elif marker == 0xE2 and body[:12] == _ICC and len(body) > 14:
            self._profile[body[12]], self._pieces = body[14:], body[13]

    @property
    def profile(self) -> bytes | None:
        """The ICC profile, if all of its pieces came."""
        if not self._profile or sorted(self._profile) != list(range(1, self._pieces + 1)):
            return None
        profile = b"".join(self._profile[number] for number in sorted(self._profile))
        return profile if len(profile) <= PROFILE_BYTES else None


def strip(data: bytes) -> Stripped:
    """The picture in a JPEG file: its first, where more follow. Raises BadMessage as `containers.strip`."""
    header, at, parts = _Header(), 2, 0
    while True:
        found = _MARKER.search(data, at)
        if found is None or found[1] == b"\xd9":
            raise broken("it has no picture after its header")
        marker, at = found[1][0], found.end()
        parts = count_part(parts)
        if marker in _ALONE:
            continue
        if marker == _SCAN:
            break
        length = max(2, int.from_bytes(data[at : at + 2], "big"))
        header.take(marker, data[at - 2 : at + length])
        at += length
    scans, whole = _scans(data, at - 2, header, parts)
    return Stripped(b"".join([*header.kept, scans, _END]), orientation_of(header.exif), header.profile, whole=whole)


def _scans(data: bytes, first: int, header: _Header, parts: int) -> tuple[bytes, bool]:
    """From the first scan to before the end; and whether there was an end."""
    at, end, marker, scans, seen = first, len(data), _SCAN, 0, set[int]()
    while marker not in (_END[1], _START[1]):  # a second start: another picture follows
        parts, scans = count_part(parts), scans + (marker == _SCAN)
        if scans > SCANS or scans * header.pixels > SCANNED:
            raise BadMessage("image-too-large", f"its {header.pixels} pixels are in {scans} scans or more")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 2 + length > len(data):  # nothing can be done with half a segment
            end = at
            break
        if marker == _SCAN:
            seen.update(data[at + 5 : at + 2 + length - 3 : 2])
        found = _MARKER_IN_SCAN.search(data, at + 2 + length)
        if found is None:
            break
        at, marker = found.start(), found[1][0]
    if marker == _END[1]:
        return data[first:at], True
    if len(seen) < header.components:
        raise broken("its end is missing, and with it a whole colour")
    return data[first : at if marker == _START[1] else end].rstrip(b"\xff"), False
