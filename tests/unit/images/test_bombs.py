"""Small files that would take a decoder for ever: their parts are counted before anything is decoded."""

import struct
import time
from collections.abc import Callable

import pytest

from odd_pictures import chunk, extended, many_chunks, many_scans, segment, webp_of, with_segment
from pictures import jpeg
from streams.errors import BadMessage
from workers.images.containers.jpeg import SCANS
from workers.images.containers.stripped import PARTS
from workers.images.decode import decode
from workers.models.folder import BUNDLED, read_recipe

RECIPE = read_recipe(BUNDLED)
SECONDS = 3.0
"""For each, on a machine that others use; they took 10 to 30."""
FRAME = bytes(16) + b"VP8L" + struct.pack("<I", 5) + b"\x2f\0\0\0\0\0"

BOMBS: dict[str, Callable[[], bytes]] = {
    "200 scans of 7,000²": lambda: many_scans(7_000, 200),
    "20 scans of 7,000²": lambda: many_scans(7_000, 20),
    "2,000 scans of 64²": lambda: many_scans(64, 2_000),
    "half a million chunks": lambda: many_chunks(500_000),
    "half a million chunks of text": lambda: (
        many_chunks(1)[:33] + chunk(b"tEXt", b"a\0") * 500_000 + many_chunks(1)[33:]
    ),
    "a million segments": lambda: with_segment(jpeg(1), segment(0xFE, b"") * 1_000_000),
    "a million tables": lambda: with_segment(jpeg(1), segment(0xDB, b"") * 1_000_000),
    "a million restarts before the picture": lambda: with_segment(jpeg(1), b"\xff\xd0" * 1_000_000),
    "a million comments between scans": lambda: many_scans(64, 8)[:-2] + segment(0xFE, b"") * 1_000_000 + b"\xff\xd9",
    "half a million frames": lambda: webp_of([extended((8, 8), 2), (b"ANIM", bytes(6)), *[(b"ANMF", FRAME)] * 500_000]),
}


@pytest.mark.parametrize("name", BOMBS)
def test_refused_for_its_parts(name: str) -> None:
    """In a moment, with the number in the reason."""
    bomb = BOMBS[name]()
    began = time.process_time()
    with pytest.raises(BadMessage, match=r"image-too-large: (its \d+ pixels are in \d+ scans|more than \d+ parts)"):
        decode(bomb, RECIPE, max_pixels=50_000_000)
    assert time.process_time() - began < SECONDS


def test_what_a_picture_may_have() -> None:
    """At the limits it is taken, and quickly."""
    most = (many_scans(1_000, SCANS), many_scans(6_800, 12), many_chunks(PARTS - 5))
    began = time.process_time()
    for data in most:
        assert decode(data, RECIPE, max_pixels=50_000_000).shape == (RECIPE.height, RECIPE.width, 3)
    assert time.process_time() - began < 2 * SECONDS
