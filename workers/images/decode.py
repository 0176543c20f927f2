"""From the bytes of an image to the model's pixels: hash, limits, orientation, alpha on white, RGB, resize."""

import hashlib
import io
import struct
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.colours import on_white
from workers.images.containers import strip
from workers.images.containers.exif import orientation_of
from workers.images.containers.stripped import Stripped
from workers.images.file_kinds import described, kind_of

ALWAYS, OPTIONAL = ("JPEG", "PNG", "WebP"), ("GIF", "AVIF")
LOST_SHARE = 1 / 20
"""Of its pixels that a JPEG may lack; what lacks more, or ends in its header, is damaged."""
Pixels = NDArray[np.uint8]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of EXIF."""

# The limit is ours, told for each image and checked before its pixels are read.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module="PIL")


def hash_images(images: Sequence[bytes]) -> str:
    """sha256 over all images that make the vector, in order; each one's own hash goes in, so borders can't move."""
    if len(images) == 1:
        return hashlib.sha256(images[0]).hexdigest()
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in images)).hexdigest()


def decode(data: bytes, recipe: Recipe, *, max_pixels: int, formats: Collection[str] = ()) -> Pixels:
    """The picture as `recipe` wants it: height × width × 3, before rescaling and normalisation.

    `formats` are those taken besides JPEG, PNG and WebP. Raises BadMessage: image-undecodable for what is of no such
    format or damaged; image-too-large for more than `max_pixels`, scans or parts, before memory is taken for them.
    """
    try:
        _check_size(_webp_size(data), max_pixels)
        return np.asarray(_decode(_stripped(data, formats), kind_of(data), recipe, max_pixels))
    except BadMessage:
        raise
    except UnidentifiedImageError:
        raise BadMessage("image-undecodable", "its header can't be read") from None
    except MemoryError:
        raise BadMessage("image-too-large", "it takes more memory than there is") from None
    except Exception as error:  # noqa: BLE001 - a damaged picture makes Pillow's plugins raise errors of any type
        raise BadMessage("image-undecodable", f"{type(error).__name__}: {error}"[:300]) from None


def _stripped(data: bytes, formats: Collection[str]) -> Stripped:
    kind = kind_of(data)
    if kind in OPTIONAL and kind not in formats:
        why = f"it is no JPEG, PNG or WebP; {kind} is taken with LOOKALIKE_IMAGE_FORMATS={kind}"
        raise BadMessage("image-undecodable", why)
    if kind not in (*ALWAYS, *formats):
        raise BadMessage("image-undecodable", f"it is no JPEG, PNG or WebP; what came is {described(data)}")
    return strip(data, kind)


def _decode(picture: Stripped, kind: str, recipe: Recipe, max_pixels: int) -> Image.Image:
    _check_size(_webp_size(picture.data), max_pixels)
    with Image.open(io.BytesIO(picture.data), formats=[kind.upper()]) as image:
        _check_size(image.size, max_pixels)
        if kind == "AVIF":  # its boxes are libavif's to read
            exif, profile = image.info.get("exif", b""), image.info.get("icc_profile") or None
            picture = replace(picture, orientation=orientation_of(exif.removeprefix(b"Exif\0\0")), profile=profile)
        if recipe.decode == "draft":
            # The smallest of the scales 1/1 to 1/8 that is not below the model's size: 3 to 6 times faster.
            side = max(recipe.width, recipe.height)
            image.draft("RGB", (side, side))
        image.load()
        if not picture.whole:
            _check_lost(np.asarray(image))
        turned = _UPRIGHT.get(picture.orientation)
        rgb = on_white(
            image.transpose(turned) if turned is not None else image,
            picture.transparent,
            picture.profile if recipe.profiles == "srgb" else None,
        )
    return rgb.resize((recipe.width, recipe.height), Image.Resampling(recipe.resample))


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise BadMessage("image-too-large", f"{size[0]} × {size[1]} pixels, more than {max_pixels}")


def _check_lost(pixels: Pixels) -> None:
    """Raise BadMessage if too much of a JPEG without its end is missing: libjpeg leaves it middle grey, from the place
    where the data ends to the last pixel."""
    near = np.abs(pixels.reshape(*pixels.shape[:2], -1).astype(np.int16) - 128) <= 1
    grey: NDArray[np.bool_] = np.all(near, axis=2)
    run = np.logical_and.accumulate(grey[:, ::-1], axis=1).sum(axis=1)  # grey pixels at the end of each row
    lost = int(run[::-1][np.logical_and.accumulate(run[::-1] > 0)].sum())
    if lost > LOST_SHARE * grey.size:
        raise BadMessage("image-undecodable", f"its end is missing, {lost / grey.size:.0%} of its pixels")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """The canvas that a WebP file claims; None for other formats. Pillow takes memory for it as soon as it opens it.

    Layout of the three kinds of header: RFC 9649, sections 2.5 to 2.7.
    """
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
