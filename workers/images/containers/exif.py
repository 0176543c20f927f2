"""The orientation in EXIF, and nothing else of it: whatever else is wrong there is nobody's loss."""

import struct

_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I"}
"""BYTE, SHORT, LONG: EXIF asks for SHORT, and some write another."""


def orientation_of(exif: bytes) -> int:
    """1 to 8; 1 (upright) where it is not said or can't be read. `exif` begins with the TIFF header.

    >>> orientation_of(b"II*\\0\\x08\\0\\0\\0" + b"\\x01\\0" + b"\\x12\\x01\\x03\\0\\x01\\0\\0\\0\\x06\\0\\0\\0")
    6
    >>> orientation_of(b"no TIFF at all")
    1
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, first)
        entries = exif[first + 2 : first + 2 + 12 * count]
        for tag, kind, values, value in struct.iter_unpack(f"{order}HHI4s", entries[: len(entries) // 12 * 12]):
            if tag == _ORIENTATION:
                found = struct.unpack_from(order + _INTEGERS[kind], value)[0] if values == 1 else 1
                return int(found) if 1 <= found <= 8 else 1
    except (struct.error, KeyError):
        pass
    return 1
