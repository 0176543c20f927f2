"""Choose and re-encode the demo's pictures: some 500 from openclipart, a few dozen categories, held-out ones first."""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from workers.training.openclipart import ROOT, Picture, on_white, pictures, read_picture

LONGEST = 512  # px
SHORTEST = 96  # px: smaller pictures look poor in a gallery
FEWEST = 8  # of a category, so that each picture has similar neighbours

# Things that people sell, or like to look at. Flags, logos, weapons, religion and portraits stay out.
_CATEGORIES = """
animals animals/birds animals/bugs animals/fish animals/mammals animals/mammals/big_cats
animals/mammals/housecats buildings buildings/furniture buildings/homes computer/folders computer/hardware
containers decorations education education/books electronics electronics/bulb food food/beverages
food/breads_and_carbs food/desserts food/fruit food/meats_and_eggs food/vegetables geography/astronomy office
office/telephone people/clothing people/clothing/hats plants plants/flowers recreation/games/chess
recreation/music recreation/party recreation/sports recreation/toys shapes/arrows shapes/jigsaw
signs_and_symbols/clocks signs_and_symbols/led signs_and_symbols/weather special/patterns tools transportation
transportation/boating transportation/vehicles
"""
_UNWANTED = """
alcohol amibe ammo anarchy angel army beer bible bomb buddha bullet bush cannabis cannon capitol chevrolet
christ church cigar cigarette cop crew cross crucifix cymru dead death devil domo drug flag gameboy gas grenade
gun gwen handgun hummer jacob jesus kallisti kexi kill knife logo mascot military missile naked nude numero
penguin pfd pistol police pope prison razor reincarnate revolver rifle sexy skoynk skull smoke smoking spanish
swastika sword tank toyota tsunami tux war weapon whisky wine
"""
CATEGORIES = tuple(_CATEGORIES.split())
UNWANTED = frozenset(_UNWANTED.split())


@dataclass(frozen=True)
class Choice:
    """One chosen picture and where it goes, relative to the demo's folder."""

    picture: Picture
    target: str


def choose(found: Iterable[Picture], each: int) -> list[Picture]:
    """Take up to `each` pictures of every category, at most three of a title: held-out ones first, then by hash.

    Pictures that don't decode or would look poor are passed over; so is a category that fewer than eight are left of.
    """
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(found, key=lambda one: (not one.held_out, hashlib.sha256(one.path.encode()).digest())):
        group = groups[picture.category]
        if picture.category not in CATEGORIES or len(group) == each or not pleasant(picture):
            continue
        if sum(one.title == picture.title for one in group) < 3 and show(picture.file) is not None:
            group.append(picture)
    return [one for category in CATEGORIES if len(groups[category]) >= FEWEST for one in groups[category]]


def pleasant(picture: Picture) -> bool:
    """Whether nothing in the file's name is on the list of what a shop window should not show."""
    name = picture.file.stem.lower().replace("-", "_")
    return not any(word in name.split("_") or word in picture.title.split() for word in UNWANTED)


def name(chosen: Sequence[Picture]) -> Iterator[Choice]:
    """Name each picture by its title; of ten, six become JPEG, two PNG with alpha, two WebP."""
    used: Counter[str] = Counter()
    for number, picture in enumerate(chosen):
        stem = f"{picture.category}/{picture.title.replace(' ', '-')}"
        used[stem] += 1
        suffix = ("jpg", "jpg", "png", "jpg", "webp")[number % 5]
        yield Choice(picture, f"{stem}{f'-{used[stem]}' if used[stem] > 1 else ''}.{suffix}")


def show(file: Path) -> Image.Image | None:
    """Decode a picture, cut off its empty margin and shrink it; None if it does not decode or is too small."""
    image = read_picture(file)
    seen = None if image is None else image.getchannel("A").getbbox()
    if image is None or seen is None:
        return None
    image = image.crop(seen)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return image if min(image.size) >= SHORTEST else None


def write(choice: Choice, folder: Path) -> None:
    """Re-encode one picture below `folder`, as its target's suffix says."""
    image = show(choice.picture.file)
    if image is None:  # choose() takes only what can be shown
        raise ValueError(f"{choice.picture.file} does not decode")
    target = folder / choice.target
    target.parent.mkdir(parents=True, exist_ok=True)
    match target.suffix:
        case ".jpg":
            on_white(image).save(target, quality=85, optimize=True)
        case ".webp":
            image.save(target, quality=82)
        case _:
            image.quantize(128, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)


def describe(choices: Sequence[Choice]) -> str:
    """Say in Markdown where the pictures come from and which share of them no training has seen."""
    unseen = sum(choice.picture.held_out for choice in choices)
    return f"""# Where these pictures come from

{len(choices)} pictures of the Open Clip Art Library, as Debian's package `openclipart-png` brings them.
Their authors dedicated them to the public domain (Creative Commons Public Domain Dedication).
They were cropped to what is visible, shrunk to {LONGEST} pixels and re-encoded
by `python -m workers.training.demo_pictures`.

`sources.csv` names the original file of each.
{unseen} of the {len(choices)} belong to the 15 % that the bundled model's training never saw
(`held_out` in `sources.csv`; `is_held_out` in `workers/training/openclipart.py` is the rule); the others it has seen.
"""


def main() -> None:
    """Write the demo's pictures, `sources.csv` and `LICENSE.md` into a folder that is laid anew."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.training.demo_pictures",
        description=main.__doc__,
        epilog="example: python -m workers.training.demo_pictures --out workers/demo/pictures --each 11",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("workers/demo/pictures"), help="where to (default: %(default)s)"
    )
    parser.add_argument("--each", type=int, default=11, help="pictures of a category at most (default: %(default)s)")
    options = parser.parse_args()
    choices = list(name(choose(pictures(ROOT), options.each)))
    shutil.rmtree(options.out, ignore_errors=True)
    for choice in choices:
        write(choice, options.out)
    with (options.out / "sources.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("picture", "title", "category", "openclipart", "held_out"))
        for choice in choices:
            one = choice.picture
            rows.writerow((choice.target, one.title, one.category, one.path, str(one.held_out).lower()))
    (options.out / "LICENSE.md").write_text(describe(choices))
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    categories = len({choice.picture.category for choice in choices})
    sys.stdout.write(f"{len(choices)} pictures, {categories} categories, {size / 1e6:.1f} MB: {options.out}\n")


if __name__ == "__main__":
    main()
