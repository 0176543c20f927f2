"""GIF and AVIF are taken where the operator says so; the first frame, upright, on white."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from odd_pictures import exif
from pictures import encoded, image
from streams.errors import BadMessage
from streams.picture_folder import listings_of
from streams.settings import read_settings
from workers.images.decode import Pixels, decode
from workers.models.folder import BUNDLED, read_recipe

RECIPE = read_recipe(BUNDLED)


def pixels(data: bytes, *formats: str) -> Pixels:
    """What the decoder makes of it."""
    return decode(data, RECIPE, max_pixels=50_000_000, formats=formats)


def near(data: bytes, picture: Image.Image, steps: float) -> bool:
    """Whether the pixels are those of a picture, on average within so many steps of 255."""
    plain = pixels(encoded(picture, "PNG"))
    return bool(np.abs(pixels(data, "GIF", "AVIF").astype(int) - plain).mean() <= steps)


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_refused_unless_the_operator_says_so(kind: str) -> None:
    """With the name of the setting."""
    data = encoded(image(1), kind)
    with pytest.raises(BadMessage, match=f"image-undecodable: .*LOOKALIKE_IMAGE_FORMATS={kind}"):
        pixels(data)
    other = {"GIF": "AVIF", "AVIF": "GIF"}[kind]
    with pytest.raises(BadMessage, match=f"LOOKALIKE_IMAGE_FORMATS={kind}"):
        pixels(data, other)
    assert pixels(data, kind).shape == (RECIPE.height, RECIPE.width, 3)


def test_the_first_frame_of_a_gif() -> None:
    """On its canvas; of a transparent one what is seen lies on white."""
    frames = [image(seed).quantize(64) for seed in range(3)]
    film = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"a" * 2_000, duration=50)
    assert near(film, frames[0].convert("RGB"), 0)
    clear = image(4).convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 48, 80))
    white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    assert near(encoded(clear, "GIF"), white.convert("RGB"), 6)


def test_the_first_frame_of_an_avif() -> None:
    """Its orientation is in its own boxes or in EXIF; alpha on white."""
    plain, stored = image(4), image(4).transpose(Image.Transpose.ROTATE_90)
    assert near(encoded(plain, "AVIF", quality=95), plain, 4)
    assert near(encoded(stored, "AVIF", quality=95, exif=exif(6)), plain, 4)
    film = encoded(plain, "AVIF", quality=95, save_all=True, append_images=[image(5)])
    assert near(film, plain, 4)
    clear = plain.convert("RGBA")
    clear.putalpha(0)
    assert near(encoded(clear, "AVIF"), Image.new("RGB", clear.size, "white"), 1)


@pytest.mark.parametrize(
    "damage",
    [b"GIF89a", b"GIF89a" + b"\xff" * 7, encoded(image(1), "GIF")[:200], encoded(image(1), "AVIF")[:300]],
    ids=["a signature", "a header", "half a GIF", "half an AVIF"],
)
def test_damaged(damage: bytes) -> None:
    """As any other picture."""
    with pytest.raises(BadMessage, match="image-undecodable"):
        pixels(damage, "GIF", "AVIF")


def test_a_gif_of_countless_parts() -> None:
    """And one that claims to be huge."""
    head = encoded(image(1), "GIF")[: 13 + 3 * 256]
    with pytest.raises(BadMessage, match="image-too-large: more than"):
        pixels(head[:10] + b"\x70" + head[11:13] + b"\x21\xfe\x00" * 100_000, "GIF")
    huge = encoded(image(1), "GIF")
    with pytest.raises(BadMessage, match="image-too-large: 65535 × 65535"):
        pixels(huge[:6] + b"\xff\xff\xff\xff" + huge[10:], "GIF")


def test_a_folder_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`publish --images` takes what workers take."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_IMAGE_FORMATS", "gif, avif")
    for name in ("a.gif", "b.AVIF", "c.png", "d.bmp"):
        (tmp_path / name).write_bytes(b"")
    formats = read_settings().image_formats
    assert formats == ("GIF", "AVIF")
    passed_over: Counter[str] = Counter()
    taken = listings_of(tmp_path, passed_over, version=1, formats=formats)
    assert [each.title for each in taken] == ["a", "b", "c"]
    assert passed_over.total() == 1
