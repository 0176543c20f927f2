"""Decoding: the same pixels whatever the form of the file, and nothing costly or broken gets in."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pictures import encoded, image, jpeg
from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.decode import decode, hash_images
from workers.models.folder import BUNDLED, read_recipe

GOLDEN = Path(__file__).parent / "golden"
FULL = Recipe(
    name="golden",
    weights="0" * 64,
    height=32,
    width=32,
    resample=3,
    rescale=1 / 255,
    mean=(0, 0, 0),
    std=(1, 1, 1),
    decode="full",
)
PIXELS = 50_000_000


def refused(data: bytes, max_pixels: int = PIXELS) -> BadMessage:
    """Why a picture is refused."""
    with pytest.raises(BadMessage) as bad:
        decode(data, FULL, max_pixels=max_pixels)
    return bad.value


@pytest.mark.parametrize(
    ("file", "expected", "tolerance"),
    [
        *((f"exif{orientation}.jpg", "upright", 2.0) for orientation in range(1, 9)),
        ("cmyk.jpg", "upright", 2.0),
        ("rgb.png", "upright", 0.0),
        ("lossless.webp", "upright", 0.0),
        ("animated.webp", "upright", 0.0),
        ("animated.png", "upright", 0.0),
        ("grey.jpg", "grey", 1.0),
        ("grey16.png", "grey", 0.5),
        ("rgba.png", "half", 1.0),
        ("rgba.webp", "half", 1.0),
        ("la.png", "half_grey", 1.0),
        ("palette.png", "half", 3.0),
    ],
)
def test_golden_pixels(file: str, expected: str, tolerance: float) -> None:
    """Orientation undone, the first frame, alpha on white, every depth and colour model: on average within so many
    steps of 255 of the stored pixels."""
    pixels = decode((GOLDEN / file).read_bytes(), FULL, max_pixels=PIXELS)
    wanted = np.asarray(Image.open(GOLDEN / f"expected_{expected}.png").convert("RGB"))
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.astype(int) - wanted.astype(int)).mean() <= tolerance


def test_the_pictures_differ_from_each_other() -> None:
    """Or the tolerances above would mean nothing."""
    upright = decode((GOLDEN / "rgb.png").read_bytes(), FULL, max_pixels=PIXELS).astype(int)
    for name in ("grey", "half", "half_grey"):
        other = np.asarray(Image.open(GOLDEN / f"expected_{name}.png").convert("RGB")).astype(int)
        assert np.abs(upright - other).mean() > 10
    assert np.abs(upright - upright[::-1]).mean() > 10
    assert np.abs(upright - upright[:, ::-1]).mean() > 10


def test_draft_is_near_the_full_decode() -> None:
    """The reduced scale of JPEG is quicker and differs by a few steps of 255: so it is part of the recipe."""
    data = encoded(image(3, (640, 480)), quality=90)
    full = decode(data, FULL, max_pixels=PIXELS).astype(int)
    draft = decode(data, FULL.model_copy(update={"decode": "draft"}), max_pixels=PIXELS).astype(int)
    assert 0 < np.abs(full - draft).mean() < 3


@pytest.mark.parametrize("size", [(640, 480), (96, 80), (128, 128), (31, 300)])
def test_the_same_as_transformers_own_preprocessing(size: tuple[int, int]) -> None:
    """On a full-size decode, within one step of 255 everywhere."""
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    recipe = read_recipe(BUNDLED, decode="full")
    data = encoded(image(5, size), "PNG")
    pixels = decode(data, recipe, max_pixels=PIXELS)
    ours = (pixels * recipe.rescale - np.array(recipe.mean)) / np.array(recipe.std)
    processor = SiglipImageProcessorPil.from_pretrained(BUNDLED)
    theirs = np.asarray(processor(images=Image.open(io.BytesIO(data)), return_tensors="np")["pixel_values"][0])
    difference = np.abs(ours - theirs.transpose(1, 2, 0)).max()
    assert difference <= 1 / 255 / min(recipe.std) + 1e-6


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"<html><body>sorry</body></html>",
        jpeg(1)[:-200],
        jpeg(1)[:20],
        encoded(image(1), "PNG")[:-80],
        encoded(image(1), "WEBP")[:-100],
        encoded(image(1), "GIF"),
        encoded(image(1), "BMP"),
        encoded(image(1), "TIFF"),
        b"RIFF\x00\x00\x00\x00WEBPVP8X" + b"\x00" * 30,
    ],
    ids=[
        "nothing",
        "a byte",
        "HTML",
        "most of a JPEG",
        "its start",
        "half a PNG",
        "half a WebP",
        "GIF",
        "BMP",
        "TIFF",
        "a WebP header alone",
    ],
)
def test_undecodable(data: bytes) -> None:
    """Damaged, of another format, or no picture at all."""
    bad = refused(data)
    assert bad.reason == "image-undecodable"
    assert 0 < len(bad.error) <= 300


def png_header(side: int) -> bytes:
    """A PNG that claims to be `side`², without the pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00" * 100)) + chunk(b"IEND", b"")
    )


def webp_header(kind: bytes) -> bytes:
    """A WebP that claims the largest size that its kind can tell."""
    body = {
        b"VP8X": b"\x00\x00\x00\x00" + b"\xff\xff\xff" * 2,
        b"VP8L": b"\x2f" + b"\xff\xff\xff\x0f" + b"\x00" * 5,
        b"VP8 ": b"\x00\x00\x00\x9d\x01\x2a" + b"\xff\x3f\xff\x3f",
    }[kind]
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk + b"\x00" * 8


@pytest.mark.parametrize(
    "data",
    [png_header(60_000), webp_header(b"VP8X"), webp_header(b"VP8L"), webp_header(b"VP8 ")],
    ids=["PNG", "VP8X", "VP8L", "VP8"],
)
def test_too_large_before_memory_is_taken(data: bytes) -> None:
    """A header's claim is refused for less than a megabyte."""
    tracemalloc.start()
    try:
        assert refused(data).reason == "image-too-large"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_limit_is_on_pixels() -> None:
    """At the limit it is taken, one above it is not."""
    data = encoded(image(1, (100, 50)), "PNG")
    assert decode(data, FULL, max_pixels=5_000).shape == (32, 32, 3)
    assert refused(data, 4_999).reason == "image-too-large"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(path.name for path in GOLDEN.glob("*.*g*") if path.suffix != ".py")), st.data())
def test_damage_is_always_a_bad_message(name: str, data: st.DataObject) -> None:
    """Whatever bytes are changed or cut off: pixels or a BadMessage, never a failure that would end the worker."""
    damaged = bytearray((GOLDEN / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(len(damaged) // 2, len(damaged))) :]
    try:
        assert decode(bytes(damaged), FULL, max_pixels=1_000_000).shape == (32, 32, 3)
    except BadMessage as bad:
        assert bad.reason in ("image-undecodable", "image-too-large")  # noqa: PT017 - either end is right


def test_the_hash_of_images() -> None:
    """One image's is its sha256; of several, order and borders matter."""
    assert hash_images([b"a"]) == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    hashes = {hash_images(each) for each in ([b"a", b"b"], [b"b", b"a"], [b"ab"], [b"ab", b""], [b"a", b"b", b""])}
    assert len(hashes) == 5
