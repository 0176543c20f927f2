"""Augmented views: the same picture cropped, stretched, recoloured, blurred, on another ground, in a collage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from workers.training.sources import Loaded


@dataclass(frozen=True)
class Settings:
    """How often each change happens (probabilities), and how strong it may be."""

    side: int = 224  # px of a view: what the teacher wants
    plain: float = 0.35  # the whole picture on white, squashed to a square, as the index worker sees it
    collage: float = 0.15  # two to four pictures in one view; it has no title
    smallest_part: float = 0.35  # share of the area that a crop keeps at least
    smallest_photo_part: float = 0.06  # the same for a photo that fills its frame
    titled_part: float = 0.6  # a crop that keeps less than this of a picture has no title
    rotate: float = 0.2
    recolour: float = 0.5
    grey: float = 0.1
    blur: float = 0.1
    noise: float = 0.1
    compress: float = 0.2


@dataclass(frozen=True)
class View:
    """A view's pixels (side, side, 3), and whether the picture's text still says what is to be seen."""

    pixels: NDArray[np.uint8]
    titled: bool


def view(one: Loaded, others: Sequence[Loaded], settings: Settings, chance: Generator) -> View:
    """Draw one view of a picture; `others` lend the further pictures of a collage, and photos as grounds."""
    if one.source.kind == "photo":
        image = _part(Image.fromarray(one.pixels), settings.smallest_photo_part, chance)[0]
        return View(_finish(image.convert("RGB"), settings, chance), titled=False)
    kind = chance.random()
    if kind < settings.plain:
        picture = Image.fromarray(one.pixels)
        image = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        return View(_squash(image, settings.side), titled=True)
    if kind < settings.plain + settings.collage:
        return View(_finish(_collage(one, others, settings, chance), settings, chance), titled=False)
    image, kept = _placed(one, others, settings, chance)
    return View(_finish(image, settings, chance), titled=kept >= settings.titled_part)


def _placed(one: Loaded, others: Sequence[Loaded], settings: Settings, chance: Generator) -> tuple[Image.Image, float]:
    """Lay a picture, cropped or made smaller and stretched, on a ground; also the share of its area that is kept."""
    image = Image.fromarray(one.pixels)
    if chance.random() < settings.rotate:
        image = image.rotate(chance.uniform(-25, 25), Image.Resampling.BICUBIC, expand=True)
    kept = 1.0
    side = settings.side
    ground = _ground(others, side, chance)
    if chance.random() < 0.6:
        image, kept = _part(image, settings.smallest_part, chance)
        ground.alpha_composite(image.resize((side, side), Image.Resampling.BICUBIC))
    else:
        width, height = (max(16, round(side * chance.uniform(0.45, 1))) for _ in range(2))
        at = tuple(int(chance.integers(side - length + 1)) for length in (width, height))
        ground.alpha_composite(image.resize((width, height), Image.Resampling.BICUBIC), (at[0], at[1]))
    return ground.convert("RGB"), kept


def _collage(one: Loaded, others: Sequence[Loaded], settings: Settings, chance: Generator) -> Image.Image:
    """Set two (side by side, or one over the other) or four pictures on one ground."""
    side, half = settings.side, settings.side // 2
    ground = _ground(others, side, chance)
    boxes = (
        ((0, 0, half, side), (half, 0, half, side)),
        ((0, 0, side, half), (0, half, side, half)),
        ((0, 0, half, half), (half, 0, half, half), (0, half, half, half), (half, half, half, half)),
    )[chance.integers(3)]
    for number, (x, y, width, height) in enumerate(boxes):
        shown = one if number == 0 else others[int(chance.integers(len(others)))]
        image, _ = _part(Image.fromarray(shown.pixels), settings.smallest_part, chance)
        ground.alpha_composite(image.resize((width, height), Image.Resampling.BICUBIC), (x, y))
    return ground.convert("RGB")


def _ground(others: Sequence[Loaded], side: int, chance: Generator) -> Image.Image:
    """White, a colour, a gradient, or part of a photo: RGBA (side, side)."""
    kind = chance.random()
    photos = [
        one for one in (others[int(chance.integers(len(others)))] for _ in range(8)) if one.source.kind == "photo"
    ]
    if kind < 0.35:
        return Image.new("RGBA", (side, side), "white")
    if kind < 0.6 and photos:
        part, _ = _part(Image.fromarray(photos[0].pixels), 0.06, chance)
        return part.resize((side, side), Image.Resampling.BICUBIC)
    first, last = (Image.new("RGBA", (side, side), tuple(chance.integers(256, size=3).tolist())) for _ in range(2))
    if kind < 0.8:
        return first
    ramp = Image.linear_gradient("L").resize((side, side)).rotate(90 * int(chance.integers(4)))
    return Image.composite(first, last, ramp)


def _part(image: Image.Image, smallest: float, chance: Generator) -> tuple[Image.Image, float]:
    """Cut a random part out of a picture: its area a share in [smallest, 1], its aspect changed by up to 3/4."""
    share = chance.uniform(smallest, 1)
    stretch = np.exp(chance.uniform(-1, 1) * np.log(4 / 3) / 2)
    width = min(image.width, max(8, round(image.width * share**0.5 * stretch)))
    height = min(image.height, max(8, round(image.height * share**0.5 / stretch)))
    x, y = int(chance.integers(image.width - width + 1)), int(chance.integers(image.height - height + 1))
    return image.crop((x, y, x + width, y + height)), width * height / (image.width * image.height)


def _finish(image: Image.Image, settings: Settings, chance: Generator) -> NDArray[np.uint8]:
    """Squash to a square, then flip, recolour, blur, add noise, compress, each by chance."""
    image = Image.fromarray(_squash(image, settings.side))
    if chance.random() < 0.5:
        image = ImageOps.mirror(image)
    if chance.random() < settings.recolour:
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(chance.uniform(0.5, 1.5))
        if chance.random() < 0.4:
            image = _turn_hue(image, int(chance.integers(-40, 41)))
    if chance.random() < settings.grey:
        image = image.convert("L").convert("RGB")
    if chance.random() < settings.blur:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.5, 2)))
    if chance.random() < settings.compress:
        image = _compress(image, int(chance.integers(15, 70)))
    pixels = np.asarray(image)
    if chance.random() < settings.noise:
        grains = chance.normal(0, chance.uniform(4, 20), pixels.shape)
        pixels = np.clip(pixels + grains, 0, 255).astype(np.uint8)
    return pixels


def _squash(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Resize straight to a square, as SigLIP's image processor does: no padding, no crop."""
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def _turn_hue(image: Image.Image, by: int) -> Image.Image:
    """Turn all hues by `by` of 256."""
    bands = np.array(image.convert("HSV"))
    bands[..., 0] += np.uint8(by % 256)
    return Image.fromarray(bands, "HSV").convert("RGB")


def _compress(image: Image.Image, quality: int) -> Image.Image:
    """Leave JPEG's traces in a picture."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
