"""From what a picture's decoder gives to red, green and blue on white: depth, colour profile, transparency."""

import functools
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageCms import Flags, Intent

_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I", "F")
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_PROFILED = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
"""The colour model that the header of a fitting profile names (ICC.1, 7.2.6)."""
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def on_white(image: Image.Image, transparent: tuple[int, ...] | None, profile: bytes | None) -> Image.Image:
    """The picture as RGB, in sRGB by its profile where one is given and fits, on white where it is transparent.

    `transparent` is as in `Stripped`.
    """
    alpha = None
    if image.mode in _SIXTEEN_BITS:
        # Sixteen bits a channel: Pillow's own conversion would clip at 255 instead of scaling.
        values = np.asarray(image)
        if transparent is not None:
            alpha = _alpha(values != transparent[0])
        image = Image.fromarray((values // 257 if values.dtype == np.uint16 else _clipped(values)).astype(np.uint8))
    elif transparent is not None:
        image = image.convert("L" if len(transparent) == 1 else "RGB")
        bands = zip(image.split(), transparent, strict=True)
        alpha = _alpha(functools.reduce(np.logical_or, (np.asarray(band) != value for band, value in bands)))
    elif image.mode in _WITH_ALPHA or "transparency" in image.info:
        if image.mode in ("LA", "La") and profile is not None:
            image = image.convert("LA")
            image, alpha = image.getchannel("L"), image.getchannel("A")
        else:
            image = image.convert("RGBA")
            alpha = image.getchannel("A")
    rgb = _in_srgb(image, profile) if profile is not None else None
    if rgb is None:
        # Converting from RGB to RGB would be one more copy of the picture.
        rgb = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    if alpha is None:
        return rgb
    if rgb.mode != "RGBA":
        rgb.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", rgb.size, "white"), rgb).convert("RGB")


def _alpha(seen: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray(seen.view(np.uint8) * np.uint8(255))


def _clipped(values: NDArray[Any]) -> NDArray[np.float64]:
    clipped: NDArray[np.float64] = np.clip(values.astype(np.float64), 0, 65_535) / 257
    return clipped


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB; None if the profile is broken or of another colour model than the picture."""
    if image.mode not in _PROFILED:
        image = image.convert("RGB")
    transform = _transform(profile, image.mode)
    return None if transform is None else transform.apply(image)


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Kept, for the pictures of a shop have the same few profiles, and one with tables takes 30 ms to prepare."""
    if profile[16:20] != _PROFILED[mode]:
        return None
    try:
        return ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB, mode, "RGB", Intent.PERCEPTUAL, flags=Flags.NONE
        )
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
