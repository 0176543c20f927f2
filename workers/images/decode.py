"""From the bytes of an image to the model's pixels: hash, limits, orientation, alpha on white, RGB, resize."""

import hashlib
import io
import struct
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.model import Recipe
from streams.failures import BadMessage

FORMATS = ("JPEG", "PNG", "WEBP")
Pixels = NDArray[np.uint8]

# The limit is ours, told for each image and checked before its pixels are read.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module="PIL")


def hash_images(images: Sequence[bytes]) -> str:
    """sha256 over all images that make the vector, in order; each one's own hash goes in, so borders can't move."""
    if len(images) == 1:
        return hashlib.sha256(images[0]).hexdigest()
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in images)).hexdigest()


def decode(data: bytes, recipe: Recipe, *, max_pixels: int) -> Pixels:
    """The picture as `recipe` wants it: height × width × 3, before rescaling and normalisation.

    Raises BadMessage: image-undecodable for what is no JPEG, PNG or WebP or is damaged; image-too-large for more
    than `max_pixels`, before memory is taken for them.
    """
    try:
        _check_size(_webp_size(data), max_pixels)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, max_pixels)
            if recipe.decode == "draft":
                # The smallest of the scales 1/1 to 1/8 that is not below the model's size: 3 to 6 times faster.
                side = max(recipe.width, recipe.height)
                image.draft("RGB", (side, side))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            rgb = _on_white(image)
        resized = rgb.resize((recipe.width, recipe.height), Image.Resampling(recipe.resample))
    except BadMessage:
        raise
    except UnidentifiedImageError:
        raise BadMessage("image-undecodable", "it is no JPEG, PNG or WebP") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, OverflowError) as error:
        raise BadMessage("image-undecodable", f"{type(error).__name__}: {error}"[:300]) from None
    except MemoryError:
        raise BadMessage("image-too-large", "it takes more memory than there is") from None
    return np.asarray(resized)


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise BadMessage("image-too-large", f"{size[0]} × {size[1]} pixels, more than {max_pixels}")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        # Sixteen bits a channel: Pillow's own conversion would clip at 255 instead of scaling.
        image = Image.fromarray((np.clip(np.asarray(image, dtype=np.float64), 0, 65_535) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    # Converting from RGB to RGB would be one more copy of the picture.
    return image if image.mode == "RGB" else image.convert("RGB")


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
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF
