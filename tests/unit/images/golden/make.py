"""Writes the pictures beside it, each with the pixels that it must become: `python tests/unit/images/golden/make.py`.

The expected pixels are drawn from the upright picture by Pillow alone, so that our decoder has no part in them.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "support"))

from pictures import image  # noqa: E402 - the tests' helpers, found by the line above

SIDE = 32
# The transposition that undoes each EXIF orientation, as the standard's table has it; 1 is upright.
UNDONE_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def main() -> None:
    """Write everything anew."""
    upright = image(7)
    expect("upright", upright)
    for orientation in range(1, 9):
        stored = upright if orientation == 1 else upright.transpose(UNDONE_BY[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(HERE / f"exif{orientation}.jpg", quality=95, subsampling=0, exif=exif)
    upright.convert("CMYK").save(HERE / "cmyk.jpg", quality=95, subsampling=0)
    upright.save(HERE / "rgb.png")
    upright.save(HERE / "lossless.webp", lossless=True)
    upright.save(HERE / "animated.webp", lossless=True, save_all=True, append_images=[image(8)], duration=100)
    upright.save(HERE / "animated.png", save_all=True, append_images=[image(8)], duration=100)

    grey = Image.linear_gradient("L").resize((96, 80))
    expect("grey", grey.convert("RGB"))
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(HERE / "grey16.png")
    grey.save(HERE / "grey.jpg", quality=95)

    # The left half is clear, so it is white; what colour lies under it must not be seen.
    mask = Image.new("L", upright.size, 255)
    mask.paste(0, (0, 0, 48, 80))
    expect("half", Image.composite(upright, Image.new("RGB", upright.size, "white"), mask))
    half = upright.copy()
    half.putalpha(mask)
    half.save(HERE / "rgba.png")
    half.save(HERE / "rgba.webp", lossless=True, exact=True)
    expect("half_grey", Image.composite(grey, Image.new("L", grey.size, "white"), mask).convert("RGB"))
    Image.merge("LA", (grey, mask)).save(HERE / "la.png")
    half.quantize(16, method=Image.Quantize.FASTOCTREE).save(HERE / "palette.png")


def expect(name: str, upright: Image.Image) -> None:
    """The pixels, at the model's size."""
    upright.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(HERE / f"expected_{name}.png")


if __name__ == "__main__":
    main()
