"""A folder of pictures as listings: the quickest way to a catalogue."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from schemas.listing import ListingEvent

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def listings_of(folder: Path, *, version: int) -> Iterator[ListingEvent]:
    """A `listing-created` event for every picture below `folder`, in the order of their paths.

    The id is the first 16 hexadecimal digits of the sha256 of the relative path, so that publishing again updates;
    the title is the file's name in words, the category its folders.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        relative = path.relative_to(folder)
        yield ListingEvent(
            event="listing-created",
            listing_id=hashlib.sha256(relative.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:16],
            version=version,
            status="on_sale",
            title=title_of(path.stem),
            category=relative.parent.parts,
            image_urls=(path.as_uri(),),
        )


def title_of(stem: str) -> str:
    """A file's name in words.

    >>> title_of("red_shoe-LeftSide02")
    'red shoe Left Side 02'
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|[_\W]+", " ", stem)
    return words.encode("utf-8", "replace").decode().strip()[:1_000] or "untitled"
