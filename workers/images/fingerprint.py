"""Computing a fingerprint: one drawn picture goes the way of a listing's, and one text that of a query."""

import io

import numpy as np
from PIL import Image

from schemas.fingerprint import Fingerprint
from streams.errors import UsageError
from workers.images.decode import decode
from workers.models.protocol import Encoder

TEXT = "A red shoe, 2 blue stripes & the green moon"
"""With an article, signs, a digit and a capital: whoever prepares texts otherwise gets other pieces."""
_WIDTH, _HEIGHT = 640, 480
_ORIENTATION, _ON_ITS_SIDE = 0x0112, 6
"""The tag of EXIF, and its value for a picture that is to be turned right by a quarter."""
_QUALITY = 92


def fingerprint_of(encoder: Encoder) -> Fingerprint:
    """What this encoder makes of the picture and of the text, which is left out if it takes none; one call of each.

    Raises UsageError for a tokenizer that can't be loaded or a model whose vectors have no length, Broken where
    the device fails.
    """
    pixels = decode(draw(), encoder.recipe, max_pixels=_WIDTH * _HEIGHT)
    picture = encoder.encode(pixels[None].copy())[0]  # a copy: torch warns of what it can't write to
    found = Fingerprint(picture, None if encoder.no_texts else encoder.encode_texts([TEXT])[0])
    for each, what in ((found.picture, "picture"), (found.text, "text")):
        if each is not None and not 0.99 < np.linalg.norm(each) < 1.01:
            raise UsageError(
                f"the model {encoder.recipe.model_id} gives no vector for the fixed {what} (its length is "
                f"{np.linalg.norm(each):.3g}); use another checkpoint, or correct its config.json",
            )
    return found


def draw() -> bytes:
    """The picture, as a JPEG that lies on its side.

    Gradients for each colour, large shapes without symmetry and fine stripes: a picture that is turned, mirrored,
    scaled by another filter or read with its colours exchanged has another vector.
    """
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    colours = np.stack([x * 255 // _WIDTH, y * 255 // _HEIGHT, (x + y) * 255 // (_WIDTH + _HEIGHT)], axis=-1)
    colours[(x - 190) ** 2 + (y - 150) ** 2 < 110**2] = (220, 30, 40)
    colours[(x > 360) & (x < 600) & (y > 60) & (y < 60 + (x - 360))] = (30, 60, 210)
    colours[(y > 300) & (x < 340)] = np.where(x // 3 % 2, 0, 255)[(y > 300) & (x < 340), None]
    colours[(y > 330) & (x >= 340) & ((x // 16 + y // 16) % 2 == 0)] = (20, 120, 50)
    on_its_side = np.rot90(colours.astype(np.uint8))
    exif, file = Image.Exif(), io.BytesIO()
    exif[_ORIENTATION] = _ON_ITS_SIDE
    Image.fromarray(np.ascontiguousarray(on_its_side)).save(file, "JPEG", quality=_QUALITY, exif=exif)
    return file.getvalue()
