"""What the small SigLIP learns from: openclipart with titles, and further free pictures with or without a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.models.texts import title_words, words
from workers.training.openclipart import category_words, pictures

STAMPS = Path("/usr/share/tuxpaint/stamps")  # Debian's tuxpaint-stamps-default: cut-out photos and drawings with a text
WALLPAPERS = (  # of Debian's plasma-workspace-wallpapers, gnome-, mate-backgrounds, lomiri-wallpapers: photos, no text
    Path("/usr/share/wallpapers"),
    Path("/usr/share/backgrounds"),
)
# Stamps of these folders are kept away from training: another origin, mostly photos, and other things than the rest.
UNSEEN_STAMPS = frozenset({"clothes", "food", "hobbies", "household", "medical", "sports", "vehicles"})
RESOURCES = Path("/usr/share/gcompris-qt/rcc")  # Debian's gcompris-qt-data: photos and paintings inside of Qt resources
SMALLEST_RESOURCE = 8_000  # bytes: smaller ones are buttons
STAR_SHARE = 5  # one in five of the 1,378 near-identical stars is learnt from


Kind = Literal["clipart", "stamp", "emoji", "photo"]  # a photo fills its frame: parts of it are pictures too


@dataclass(frozen=True)
class Source:
    """A file to learn from: what it is, the text that belongs to it ("" for none), and its folder in words."""

    file: Path
    kind: Kind
    text: str = ""
    folder: str = ""


def training_sources(emoji: Path | None = None, photos: Path | None = None) -> list[Source]:
    """List openclipart's training pictures, of the further packages what is installed, and what two folders hold.

    `emoji`: pictures named by code points ("1f34e.webp"); `photos`: pictures without a text.
    """
    clipart = [one for one in pictures() if not one.held_out]
    stars = [one for one in clipart if one.category == "shapes/stars"]
    others = [one for one in clipart if one.category != "shapes/stars"]
    chosen = others + stars[::STAR_SHARE]
    return [
        *(Source(one.file, "clipart", one.title, category_words(one.category)) for one in chosen),
        *stamps(unseen=False),
        *wallpapers(),
        *(emoji_pictures(emoji) if emoji else ()),
        *(Source(file, "photo") for file in (sorted(photos.iterdir()) if photos else ())),
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


def emoji_pictures(folder: Path) -> Iterator[Source]:
    """List the emoji of one code point, named as Unicode names them; those of several show skin colours and flags."""
    for file in sorted(folder.glob("*.webp")):
        points = file.stem.removesuffix("-fe0f").split("-")
        name = unicodedata.name(chr(int(points[0], 16)), "") if len(points) == 1 else ""
        if name:
            yield Source(file, "emoji", " ".join(title_words(words(name.lower()))))


def unpack_resources(folder: Path) -> int:
    """Write the WebP pictures that gcompris-qt-data has inside of its resources into a folder; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for resource in sorted(RESOURCES.glob("*.rcc")):
        content = resource.read_bytes()
        for found in re.finditer(rb"RIFF(....)WEBP", content, re.DOTALL):
            size = int.from_bytes(found[1], "little") + 8
            if size >= SMALLEST_RESOURCE:
                start = found.start()
                (folder / f"{resource.stem}-{start}.webp").write_bytes(content[start : start + size])
                count += 1
    return count


def _stamp_text(file: Path) -> str:
    """The English description that lies beside a stamp ("A drake."), or its file name in words."""
    beside = file.with_suffix(".txt")
    lines = beside.read_text(encoding="utf-8", errors="replace").splitlines() if beside.is_file() else []
    return " ".join(title_words(words(lines[0] if lines else file.stem)))
