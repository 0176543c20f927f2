"""The pictures that the shop sells things by: where they lie, their categories, and their looks in a few numbers."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from streams.errors import UsageError
from streams.picture_folder import SUFFIXES, title_of
from workers.demo.catalogue import BUNDLED
from workers.simulate.draws import Floats, Ints

DIMENSIONS = 24
FEWEST = 20
"""Pictures, or categories would have nothing in them."""
_MOST = 2_000  # looked at; of a larger folder every so many, so that a run starts within seconds
_FEW_CATEGORIES = 6  # of fewer, the looks themselves make eight groups
_SIDE = 48  # px


@dataclass(frozen=True)
class Pictures:
    """N pictures; `looks` are unit rows (N, DIMENSIONS), `category` counts into `categories`, paths joined by /."""

    paths: tuple[Path, ...]
    titles: tuple[str, ...]
    categories: tuple[str, ...]
    category: Ints
    looks: Floats

    @property
    def digest(self) -> str:
        """Another one for other pictures, wherever they lie."""
        said = [self.titles, self.categories, self.category.tolist(), np.round(self.looks, 3).tolist()]
        return hashlib.sha256(repr(said).encode()).hexdigest()


@lru_cache(maxsize=4)
def read_pictures(folder: Path = BUNDLED) -> Pictures:
    """Every picture below `folder`, or 2,000 of them; what can't be decoded is left out.

    Raises UsageError where there are too few.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    root = folder.resolve()
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    chosen = found[:: max(1, -(-len(found) // _MOST))]
    read = [(path, pixels) for path in chosen if (pixels := _pixels(path)) is not None]
    if len(read) < FEWEST:
        raise UsageError(f"only {len(read)} pictures below {folder}; a shop needs {FEWEST}")
    looks = _looks(np.stack([pixels for _, pixels in read]))
    names = ["/".join(path.relative_to(root).parent.parts) for path, _ in read]
    if len(set(names)) < _FEW_CATEGORIES:
        names = _groups(looks)
    categories = tuple(sorted(set(names)))
    return Pictures(
        paths=tuple(path for path, _ in read),
        titles=tuple(title_of(path.stem) for path, _ in read),
        categories=categories,
        category=np.array([categories.index(name) for name in names], np.int64),
        looks=looks,
    )


def _pixels(path: Path) -> NDArray[np.uint8] | None:
    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            layer = ImageOps.exif_transpose(image).convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))


def _looks(pixels: NDArray[np.uint8]) -> Floats:
    """The first principal components of colours (64 boxes), coarse shape (6 × 6 greys) and edges (8 directions)."""
    boxes = (pixels // 64).astype(np.int64) @ np.array([16, 4, 1])
    colours = np.sqrt(np.stack([np.bincount(each.ravel(), minlength=64) for each in boxes]) / _SIDE**2)
    grey = pixels.astype(np.float64).mean(axis=3) / 255
    step = _SIDE // 6
    shape = grey.reshape(len(grey), 6, step, 6, step).mean(axis=(2, 4)).reshape(len(grey), -1)
    down, right = np.gradient(grey, axis=(1, 2))
    direction = ((np.arctan2(down, right) / np.pi + 1) * 4).astype(np.int64) % 8
    every = np.hstack([_scaled(colours), _scaled(shape), _scaled(_edges(direction, np.hypot(down, right)))])
    _, _, axes = np.linalg.svd(every, full_matrices=False)
    found = every @ axes[:DIMENSIONS].T
    found = np.pad(found, ((0, 0), (0, DIMENSIONS - found.shape[1])))
    found /= np.maximum(found.std(axis=0), 1e-9)
    return unit(found)


def _edges(direction: Ints, strength: Floats) -> Floats:
    rows = [
        np.bincount(where.ravel(), how.ravel(), minlength=8) for where, how in zip(direction, strength, strict=True)
    ]
    return np.sqrt(np.stack(rows))


def _scaled(part: Floats) -> Floats:
    """Each part counts the same."""
    centred = part - part.mean(axis=0)
    scaled: Floats = centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-9)
    return scaled


def _groups(looks: Floats) -> list[str]:
    above = (looks[:, :3] > np.median(looks[:, :3], axis=0)) @ np.array([4, 2, 1])
    return [f"group {number + 1}" for number in above]


def unit(rows: Floats) -> Floats:
    """Each row at length 1."""
    scaled: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return scaled
