"""What is left of a picture's file when all that decides no pixel is taken out, and how many parts a file may have."""

from dataclasses import dataclass

from streams.errors import BadMessage

PARTS = 20_000
"""Chunks or segments of one file: 20 MB of PNG in chunks of 8 kB, as libpng writes them, are 2,500."""
PROFILE_BYTES = 4_000_000
"""Of a colour profile, unpacked; the largest of printers have 2.7 MB."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """A picture, fit for its decoder."""

    data: bytes
    orientation: int = 1
    """As EXIF has it, 1 to 8; 1 is upright."""
    profile: bytes | None = None
    """Its ICC profile."""
    transparent: tuple[int, ...] | None = None
    """The grey, or red, green and blue, that is transparent: with 16 bits for 16-bit grey, else with 8."""
    whole: bool = True
    """Whether its end was there; what is missing from a picture without is for the decoder to see."""


def count_part(parts: int) -> int:
    """One more; raises BadMessage (image-too-large) where that is too many."""
    if parts >= PARTS:
        raise BadMessage("image-too-large", f"more than {PARTS} parts")
    return parts + 1


def broken(why: str) -> BadMessage:
    """To be raised for what no decoder could make anything of."""
    return BadMessage("image-undecodable", why)
