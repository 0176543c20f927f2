"""A picture is its pixels: what else stands in its file, whole or broken, neither refuses nor changes it."""

import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from odd_pictures import (
    chunk,
    chunks,
    exif,
    extended,
    png_of,
    segment,
    webp_chunks,
    webp_of,
    with_chunk,
    with_segment,
)
from pictures import encoded, image
from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.decode import Pixels, decode
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe

ODD = Path(__file__).parent / "odd"
RECIPE = read_recipe(BUNDLED).model_copy(update={"profiles": "ignored"})
WITH_PROFILES = RECIPE.model_copy(update={"profiles": "srgb"})
FULL = RECIPE.model_copy(update={"decode": "full"})
FILES = sorted(path.name for path in ODD.iterdir() if path.name not in ("ref.jpg", "onwhite_gray.jpg"))
JPEG, PNG, WEBP = encoded(image(4)), encoded(image(4), "PNG"), encoded(image(4), "WEBP", lossless=True)
TURNED = 6


def pixels(data: bytes) -> Pixels:
    """What the decoder makes of it."""
    return decode(data, FULL, max_pixels=50_000_000)


def turned(picture: Image.Image, orientation: int = TURNED) -> Image.Image:
    """The picture as a camera stores it that is held so; only for 6 and 8."""
    return picture.transpose(Image.Transpose.ROTATE_90 if orientation == 6 else Image.Transpose.ROTATE_270)


@pytest.fixture(scope="module")
def encoder() -> SiglipEncoder:
    """The bundled model."""
    return SiglipEncoder(BUNDLED, RECIPE, device="cpu", batch_size=1)


@pytest.mark.parametrize("name", FILES)
def test_pictures_that_shops_and_phones_produce(name: str, encoder: SiglipEncoder) -> None:
    """Each is taken, and is near the plain picture by the model; profiles count where the recipe applies them."""

    def vector(file: str, profiled: bool) -> NDArray[np.float32]:
        recipe = WITH_PROFILES if profiled else RECIPE
        found: NDArray[np.float32] = encoder.encode(
            decode((ODD / file).read_bytes(), recipe, max_pixels=50_000_000)[None].copy()
        )[0]
        return found

    profiled = name.startswith("icc_")
    reference = vector("onwhite_gray.jpg" if name.startswith("trns_") else "ref.jpg", profiled=False)
    assert float(vector(name, profiled) @ reference) > (0.97 if profiled else 0.98)


ENTRY = struct.pack(">HHII", 0x010F, 2, 4_000_000_000, 4_000_000_000)
JPEGS = {
    "a segment of its own maker": segment(0xEB, b"\xff\xd9\xff\xda" * 9),
    "three hundred of them": segment(0xE7, bytes(60_000)) * 300,
    "XMP that is not closed": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
    "an orientation in XMP": segment(
        0xE1, b'http://ns.adobe.com/xap/1.0/\0<a xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    ),
    "EXIF of one byte": segment(0xE1, b"Exif\0\0M"),
    "EXIF that ends in its table": segment(0xE1, b"Exif\0\0" + exif(6)[:14]),
    "an orientation of 9": segment(0xE1, b"Exif\0\0" + exif(9)),
    "the index of a multi-picture file": segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\x05" + b"\xff" * 60),
    "a profile of which a piece is missing": segment(0xE2, b"ICC_PROFILE\0\x01\x03" + bytes(50)),
    "Photoshop's resources, broken": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff" + b"\xff" * 20),
    "an Adobe segment of two bytes": segment(0xEE, b"Ad"),
    "JFIF that is too short": segment(0xE0, b"JFIF\0\1"),
    "a segment without a length": b"\xff\xfe\0\0",
    "fill bytes": b"\xff" * 40 + segment(0xFE, b""),
    "bytes that belong to nothing": segment(0xFE, b"") + b"\x00\x01garbage",
}


@pytest.mark.parametrize("name", JPEGS)
def test_segments_of_a_jpeg(name: str) -> None:
    """Whatever stands there, the pixels are those of the file without it."""
    assert np.array_equal(pixels(with_segment(JPEG, JPEGS[name])), pixels(JPEG))


@pytest.mark.parametrize("after", [b"\0" * 900, JPEG, b"\xff\xda" * 999, b"ftypmp42 a film"], ids=str)
def test_what_follows_a_jpeg(after: bytes) -> None:
    """Phones hang films and further pictures on it."""
    assert np.array_equal(pixels(JPEG + after[:4_000]), pixels(JPEG))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [6, 8])
def test_the_orientation_beside_what_cannot_be_read(orientation: int, order: str) -> None:
    """It is read by itself, in JPEG, PNG and WebP alike, wherever in the file it stands."""
    stored, entries = turned(image(4), orientation), () if order == "<" else (ENTRY, bytes(12), b"\xff" * 12)
    said = exif(orientation, *entries, order=order)
    upright = pixels(encoded(image(4), "PNG"))
    png = encoded(stored, "PNG")
    webp = [extended(stored.size, 0x2C), *webp_chunks(encoded(stored, "WEBP", lossless=True)), (b"EXIF", said)]
    assert np.array_equal(pixels(with_chunk(png, b"eXIf", said)), upright)
    assert np.array_equal(pixels(with_chunk(png, b"eXIf", said, before=b"IEND")), upright)
    assert np.array_equal(pixels(webp_of(webp)), upright)
    assert np.array_equal(pixels(webp_of([*webp[:-1], (b"EXIF", b"Exif\0\0" + said)])), upright)
    camera = with_segment(encoded(stored, quality=95, subsampling=0), segment(0xE1, b"Exif\0\0" + said))
    assert np.abs(pixels(camera).astype(int) - upright).mean() < 3


PNGS = {
    "a chunk that nobody knows": (b"zzZz", b"\xff" * 99),
    "a text that unpacks to 100 MB": (b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000))),
    "a profile that unpacks to 100 MB": (b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000))),
    "a profile that is not packed": (b"iCCP", b"a\0\0sRGB"),
    "an EXIF of one byte": (b"eXIf", b"M"),
    "an animation that has no frames": (b"acTL", bytes(3)),
    "a frame that is short": (b"fcTL", bytes(5)),
    "a histogram of one byte": (b"hIST", b"a"),
    "a transparent colour of one byte": (b"tRNS", b"a"),
}


@pytest.mark.parametrize("name", PNGS)
def test_chunks_of_a_png(name: str) -> None:
    """Whatever stands there, the pixels are those of the file without it."""
    kind, body = PNGS[name]
    assert np.array_equal(pixels(with_chunk(PNG, kind, body)), pixels(PNG))
    spoilt = with_chunk(PNG, kind, body).replace(chunk(kind, body), chunk(kind, body)[:-1] + b"?")
    assert np.array_equal(pixels(spoilt), pixels(PNG))


def test_a_png_in_pieces() -> None:
    """Its data in many chunks with others between them, and without its end."""
    parts = dict(chunks(PNG))
    data = parts[b"IDAT"]
    pieces = [(b"IDAT", data[at : at + 7]) for at in range(0, len(data), 7)]
    between = [part for piece in pieces for part in (piece, (b"tEXt", b"a\0b"))]
    assert np.array_equal(pixels(png_of([(b"IHDR", parts[b"IHDR"]), *between])), pixels(PNG))
    assert np.array_equal(pixels(PNG[:-12]), pixels(PNG))


@pytest.mark.parametrize("flags", [0x00, 0x20, 0x0C, 0x2E, 0xFF & ~0x10])
def test_flags_of_a_webp(flags: int) -> None:
    """They say that there is a profile, EXIF, XMP or an animation; the chunks may be missing, or be no such thing."""
    rest = webp_chunks(WEBP)
    for more in ([], [(b"EXIF", b"junk")], [(b"XMP ", b"<"), (b"QQQQ", b"odd")]):
        assert np.array_equal(pixels(webp_of([extended((96, 80), flags), *rest, *more])), pixels(WEBP))


def test_a_webp_of_many_frames_costs_its_first() -> None:
    """A thousand frames in a file are not looked at."""
    frames = [image(seed, (64, 64)) for seed in range(3)]
    film = webp_chunks(encoded(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]))
    last = film[-1]
    assert np.array_equal(pixels(webp_of([*film, *[last] * 5_000])), pixels(encoded(frames[0], "PNG")))


def test_from_how_much_missing_a_jpeg_is_refused() -> None:
    """Up to a twentieth of its pixels may be missing at its end; half of them, its colour or its data may not."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (400, 400, 3), np.uint8))
    whole = encoded(noise, quality=85, subsampling=0)
    for missing in (1, 2, 3, 500, len(whole) // 40):
        near = np.abs(pixels(whole[:-missing]).astype(int) - pixels(whole))
        assert near.mean() < 4
    for missing in (len(whole) // 15, len(whole) // 2, len(whole) - 700):
        with pytest.raises(BadMessage, match=r"image-undecodable: its end is missing"):
            pixels(whole[:-missing])
    header = whole.index(b"\xff\xda")
    for left in (header, header + 3, header - 5, 2, 3):
        with pytest.raises(BadMessage, match="image-undecodable"):
            pixels(whole[:left])
    progressive = encoded(noise, quality=85, progressive=True)
    assert np.abs(pixels(progressive[: len(progressive) * 9 // 10]).astype(int) - pixels(progressive)).mean() < 20
    with pytest.raises(BadMessage, match=r"image-undecodable: its end is missing"):
        pixels(progressive[: progressive.index(b"\xff\xda") + 900])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey(depth: int) -> None:
    """It is white on white at every depth: the left half of the picture is."""
    most, width = (1 << depth) - 1, 32
    row = [most // 3 if x < width // 2 else 0 for x in range(width)]
    packed = bytearray()
    if depth == 16:
        packed += b"".join(value.to_bytes(2, "big") for value in row)
    else:
        bits = "".join(f"{value:0{depth}b}" for value in row)
        packed += int(bits, 2).to_bytes(width * depth // 8, "big")
    data = zlib.compress((b"\0" + bytes(packed)) * 32)
    head = struct.pack(">IIBBBBB", width, 32, depth, 0, 0, 0, 0)
    key = (most // 3).to_bytes(2, "big")
    found = pixels(png_of([(b"IHDR", head), (b"tRNS", key), (b"IDAT", data), (b"IEND", b"")]))
    assert found[:, :40].min() > 250 if depth > 1 else found.min() > 250  # with one bit 0 is the transparent one
    assert depth == 1 or found[:, -40:].max() < 5


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour(depth: int) -> None:
    """Red, green and blue, with 8 or 16 bits each."""
    left, right = (200, 10, 60), (0, 0, 0)
    wide = depth // 8
    row = b"".join(bytes([value] * wide) for pixel in [left] * 16 + [right] * 16 for value in pixel)
    key = b"".join(int.from_bytes(bytes([value] * wide), "big").to_bytes(2, "big") for value in left)
    head = struct.pack(">IIBBBBB", 32, 32, depth, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"tRNS", key), (b"IDAT", zlib.compress((b"\0" + row) * 32)), (b"IEND", b"")]
    found = pixels(png_of(parts))
    assert found[:, :40].min() > 250
    assert found[:, -40:].max() < 5


def test_more_transparency_than_palette() -> None:
    """What is said of colours that are not there is passed over."""
    picture = encoded(image(4).quantize(5), "PNG")
    assert np.array_equal(pixels(with_chunk(picture, b"tRNS", b"\xff" * 250)), pixels(picture))


def test_profiles_change_pixels_only_by_recipe() -> None:
    """They are part of the recipe; the recipes of the first release are as they were."""
    data = (ODD / "icc_prophoto.jpg").read_bytes()
    assert Recipe.model_fields["profiles"].default == RECIPE.profiles == "ignored"
    plain = decode((ODD / "ref.jpg").read_bytes(), RECIPE, max_pixels=50_000_000).astype(int)
    as_before = decode(data, RECIPE, max_pixels=50_000_000)
    applied = decode(data, WITH_PROFILES, max_pixels=50_000_000)
    assert np.abs(as_before - plain).mean() > 10 > 5 > np.abs(applied - plain).mean()
    assert WITH_PROFILES.model_id != RECIPE.model_id


def test_a_profile_that_does_not_fit() -> None:
    """Broken, of another colour model, or cut: the picture is taken without it."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    junk = random.Random(3).randbytes(3_000)  # noqa: S311 - no secret
    for mode in ("RGB", "L", "CMYK"):
        plain = decode(encoded(image(4, mode=mode)), WITH_PROFILES, max_pixels=50_000_000)
        wrong = [srgb[:200], junk, srgb[:16] + b"GRAY" + srgb[20:], srgb[:16] + b"RGB " + junk, b"\0"]
        for profile in wrong if mode == "RGB" else [*wrong, srgb]:
            found = decode(encoded(image(4, mode=mode), icc_profile=profile), WITH_PROFILES, max_pixels=50_000_000)
            assert np.array_equal(found, plain)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_profile_beside_transparency(kind: str) -> None:
    """White stays white behind it, and the profile is applied to what is seen."""
    with Image.open(ODD / "icc_prophoto.jpg") as opened:
        profile, picture = opened.info["icc_profile"], opened.convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 255))
    picture.paste((0, 0, 0, 0), (0, 0, picture.width, 40))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = encoded(picture, kind, icc_profile=profile, **options)
    found = decode(data, WITH_PROFILES, max_pixels=50_000_000).astype(int)
    plain = decode((ODD / "ref.jpg").read_bytes(), RECIPE, max_pixels=50_000_000)
    assert found[:30].min() > 250
    assert np.abs(found[60:] - plain[60:]).mean() < 5


def test_a_profile_with_tables_for_inks() -> None:
    """CMYK is converted by its own profile where it has one; Adobe's inverted values are understood as before."""
    buffer = io.BytesIO()
    image(4).convert("CMYK").save(buffer, "JPEG", quality=95)
    assert np.abs(pixels(buffer.getvalue()).astype(int) - pixels(encoded(image(4), "PNG"))).mean() < 5
