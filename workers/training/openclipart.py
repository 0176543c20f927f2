"""Debian's openclipart pictures: which files there are, what their names say, and which 15 % are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from workers.models.texts import title_words, words

ROOT = Path("/usr/share/openclipart/png")
HELD_OUT_SHARE = 0.15
MOST_PIXELS = 160_000_000  # some of the pictures are larger: 640 MB of memory each

# File names end in their author's name, often cut off ("lime_half_jarno_vasamaa_", "dino_architetto_francesc_06").
# These are the names found at the end of at least five files, less those that are words as well.
_AUTHORS = """
araujo architetto ashton balin baroquon benji boyer brice brill buculei capsize celso cheng christoph costea
dietrich eady erich feather francesco francois frouke ganson gerald gerhards guidi guillaume guillou jarno jean
jon jonadab jonathan juliane kim krug liekens linda luiz marcelo mateya matthew mcconnell meza mimooh montes
nathan nicolas nicu nurbldoff omic park patricia pena peterm petri phillips rollandin romus steele stefan susan
tanguy toh vasamaa victor yen yves zazou
"""
AUTHORS = frozenset(_AUTHORS.split())
NOISE = frozenset({"bw", "bwh", "md", "remix", "openclipart", "png", "svg"})


class PicturesMissing(RuntimeError):
    """The pictures are not on this machine; the message says what to install."""


@dataclass(frozen=True)
class Picture:
    """One picture: its file, its path relative to the tree's root, its title in words, its folder."""

    file: Path
    path: str
    title: str
    category: str

    @property
    def held_out(self) -> bool:
        """Whether this picture is kept away from training."""
        return is_held_out(self.path)


def is_held_out(path: str) -> bool:
    """Whether the picture at this path, relative to the tree's root and with `/`, is among the held-out 15 %.

    The first 32 bits of the path's SHA-256, as a fraction of 2^32, are compared with 0.15: the same on every machine.
    """
    return int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT_SHARE


def title(stem: str) -> str:
    """Say a file name in words, without the author at its end.

    >>> title("lime_half_jarno_vasamaa_01")
    'lime half'
    """
    spoken = words(stem)
    kept = list(spoken)
    while len(kept) > 1 and _is_author(kept[-1], kept[-2]):
        kept.pop()
    kept = [word for word in kept if word not in NOISE]
    return " ".join(title_words(kept) or spoken or [stem])


def category_words(category: str) -> str:
    """Say a folder in words, the most particular first: `food/fruit` becomes `fruit food`."""
    return " ".join(word for part in reversed(category.split("/")) for word in words(part))


def pictures(root: Path = ROOT) -> list[Picture]:
    """List all pictures below `root` in a fixed order, each file once (the tree also holds symbolic links).

    Raises PicturesMissing if there are none.
    """
    found = list(_walk(root))
    if not found:
        raise PicturesMissing(f"no pictures below {root}: run `apt-get install openclipart-png` (Debian) first")
    return found


def read_picture(file: Path) -> Image.Image | None:
    """Decode a picture as RGBA; None if it does not decode or has more than 160 megapixels."""
    try:
        with Image.open(file) as image:
            return image.convert("RGBA") if image.width * image.height <= MOST_PIXELS else None
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def on_white(image: Image.Image) -> Image.Image:
    """Lay an RGBA picture on white, as the index worker does: RGB."""
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def _walk(root: Path) -> Iterator[Picture]:
    for file in sorted(root.rglob("*.png")):
        if file.is_symlink() or not file.is_file():
            continue
        path = file.relative_to(root).as_posix()
        yield Picture(file, path, title(file.stem), file.parent.relative_to(root).as_posix())


def _is_author(word: str, before: str) -> bool:
    """Whether the last word is an author's name, an initial, or a name cut off ("archite", "jarno vasam")."""
    if word in AUTHORS or len(word) == 1:
        return True
    if word in NOISE:
        return True
    cut_off = any(name.startswith(word) for name in AUTHORS)
    return cut_off and (len(word) >= 5 or before in AUTHORS)
