"""Pictures that cost what a marketplace's photographs cost: 800×800 JPEGs of some 150 kB, each one different."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 800
QUALITY = 88
DRAWN = Path(__file__).parents[2] / "workers" / "demo" / "pictures"
"""Drawings of the demo, enlarged: something to see in each picture; flat on their own, hence the grain."""


def make(folder: Path, count: int) -> int:
    """Write `count` JPEGs into `folder`, the same at each run; returns their mean size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = [path for path in sorted(DRAWN.rglob("*")) if path.suffix in (".jpg", ".png")]
    with ProcessPoolExecutor(2) as pool:
        sizes = list(pool.map(partial(_make_one, folder, drawings), range(count), chunksize=8))
    return sum(sizes) // count


def _make_one(folder: Path, drawings: list[Path], number: int) -> int:
    random = np.random.default_rng(number)
    # An odd step that shares no factor with the number of drawings walks through all categories.
    picture = _enlarged(drawings[number * 37 % len(drawings)])
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, width, height = (int(each) for each in random.integers(0, SIDE // 2, 4))
        colour = (int(random.integers(256)), int(random.integers(256)), int(random.integers(256)))
        draw.ellipse((x + y // 2, y, x + y // 2 + width, y + height), outline=colour, width=6)
    # Soft folds of light and shade, as cloth has them, and a sensor's grain.
    shade = Image.fromarray(random.integers(0, 256, (25, 25), dtype=np.uint8)).resize((SIDE, SIDE))
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(1)), dtype=np.int16)
    grain = random.integers(-9, 10, (SIDE, SIDE, 1), dtype=np.int16)
    pixels = pixels + (np.asarray(shade, dtype=np.int16)[..., None] - 128) // 4 + grain
    path = folder / f"{number:04}.jpg"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=QUALITY)
    return path.stat().st_size


def _enlarged(path: Path) -> Image.Image:
    with Image.open(path) as drawing:
        layer = drawing.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
