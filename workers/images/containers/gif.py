"""GIF: its first frame, on its canvas. Layout: CompuServe's GIF89a specification."""

from workers.images.containers.stripped import Stripped, broken, count_part

_EXTENSION, _IMAGE, _CONTROL = 0x21, 0x2C, 0xF9
_BLOCKS = 200_000
"""Of up to 255 bytes each: more than a file of 20 MB has."""


def strip(data: bytes) -> Stripped:
    """The first frame of a GIF file. Raises BadMessage as `containers.strip`."""
    at = 13 + _palette(data, 10)
    kept, control, parts = data[:at], b"", 0
    while at < len(data):
        parts = count_part(parts)
        if data[at] == _IMAGE:
            end = _after_blocks(data, at + 11 + _palette(data, at + 9))
            return Stripped(kept + control + data[at:end] + b";")
        if data[at] != _EXTENSION:
            break
        end = _after_blocks(data, at + 2)
        if data[at + 1 : at + 2] == bytes([_CONTROL]):
            control = data[at:end]
        at = end
    raise broken("it has no picture")


def _palette(data: bytes, at: int) -> int:
    """Bytes of the palette that the flags at this place announce."""
    if at >= len(data):
        raise broken("it has no picture")
    return 3 * 2 ** ((data[at] & 7) + 1) if data[at] & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """The place after a row of sub-blocks, each of which begins with its length; the last has none."""
    for _ in range(_BLOCKS):
        if at >= len(data):
            return len(data)
        size = data[at]
        at += 1 + size
        if not size:
            return at
    raise broken("its data is in too many blocks")
