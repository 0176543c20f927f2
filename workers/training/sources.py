"""What the small SigLIP learns from: openclipart with titles, and further free pictures with or without a text."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.models.texts import title_words, words
from workers.training.openclipart import category_words, pictures, read_picture

STAMPS = Path("/usr/share/tuxpaint/stamps")  # Debian's tuxpaint-stamps-default: cut-out photos and drawings with a text
WALLPAPERS = (  # of Debian's plasma-workspace-wallpapers, gnome-, mate-backgrounds, lomiri-wallpapers: photos, no text
    Path("/usr/share/wallpapers"),
    Path("/usr/share/backgrounds"),
)
# Stamps of these folders are kept away from training: another origin, mostly photos, and other things than the rest.
UNSEEN_STAMPS = frozenset({"clothes", "food", "hobbies", "household", "medical", "sports", "vehicles"})
LONGEST = 288  # px of a picture in memory; a view has 224
LONGEST_PHOTO = 720  # px of a wallpaper, of which a view shows a part
STAR_SHARE = 5  # one in five of the 1,378 near-identical stars is learnt from


Kind = Literal["clipart", "stamp", "photo"]  # a photo fills its frame, so that parts of it are pictures as well


@dataclass(frozen=True)
class Source:
    """A file to learn from: what it is, the text that belongs to it ("" for none), and its folder in words."""

    file: Path
    kind: Kind
    text: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Loaded:
    """A source with its pixels (height, width, 4) in memory, RGBA."""

    source: Source
    pixels: NDArray[np.uint8]


def training_sources() -> list[Source]:
    """List openclipart's training pictures, and of the further packages what is installed."""
    clipart = [one for one in pictures() if not one.held_out]
    stars = [one for one in clipart if one.category == "shapes/stars"]
    others = [one for one in clipart if one.category != "shapes/stars"]
    chosen = others + stars[::STAR_SHARE]
    return [
        *(Source(one.file, "clipart", one.title, category_words(one.category)) for one in chosen),
        *stamps(unseen=False),
        *wallpapers(),
    ]


def stamps(*, unseen: bool) -> Iterator[Source]:
    """List the stamps that are (or are not) kept away from training; letters of the alphabet are left out."""
    for file in sorted(STAMPS.rglob("*.png")):
        folders = file.relative_to(STAMPS).parts[:-1]
        if (folders[0] in UNSEEN_STAMPS) == unseen and "alphabets" not in folders:
            yield Source(file, "stamp", _stamp_text(file), category_words("/".join(folders)))


def wallpapers() -> Iterator[Source]:
    """List one file (the largest) of each wallpaper."""
    best: dict[Path, Path] = {}
    for root in WALLPAPERS:
        for file in sorted(root.rglob("*")):
            if file.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"} and not file.is_symlink():
                # plasma keeps one wallpaper in many sizes in a folder `images`
                key = file.parent if file.parent.name.startswith("images") else file
                if key not in best or file.stat().st_size > best[key].stat().st_size:
                    best[key] = file
    return (Source(file, "photo") for file in best.values())


def load(sources: list[Source], processes: int) -> list[Loaded]:
    """Decode and shrink all sources; those that don't decode, or are smaller than 16 pixels, are left out."""
    with ProcessPoolExecutor(processes) as pool:
        return [one for one in pool.map(_load, sources, chunksize=16) if one is not None]


def _load(source: Source) -> Loaded | None:
    image = read_picture(source.file)
    if image is None or min(image.size) < 16 or image.getchannel("A").getbbox() is None:
        return None
    longest = LONGEST_PHOTO if source.kind == "photo" else LONGEST
    image.thumbnail((longest, longest), Image.Resampling.BICUBIC)
    return Loaded(source, np.asarray(image))


def _stamp_text(file: Path) -> str:
    """The English description that lies beside a stamp ("A drake."), or its file name in words."""
    beside = file.with_suffix(".txt")
    lines = beside.read_text(encoding="utf-8", errors="replace").splitlines() if beside.is_file() else []
    return " ".join(title_words(words(lines[0] if lines else file.stem)))
