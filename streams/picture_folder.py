"""A folder of pictures as listings: the quickest way to a catalogue."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import ValidationError

from schemas.listing import ListingEvent

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}


def listings_of(
    folder: Path, passed_over: Counter[str], *, version: int, formats: Collection[str] = ()
) -> Iterator[ListingEvent]:
    """A `listing-created` event for every picture below `folder`, in the order of their paths.

    The id is the first 16 hexadecimal digits of the sha256 of the relative path, so that publishing again updates;
    the title is the file's name in words, the category its folders. What is no listing is counted in `passed_over`, by
    the reason. `formats` are those taken besides JPEG, PNG and WebP.
    """
    suffixes = SUFFIXES | {f".{each.lower()}" for each in formats}
    for path in _files_below(folder, passed_over):
        if path.suffix.lower() not in suffixes:
            passed_over[_kind(path.suffix)] += 1
        elif not path.is_file():
            passed_over["no file to read"] += 1
        else:
            try:
                yield _listing(path, path.relative_to(folder), version)
            except ValidationError as error:
                passed_over[f"{error.errors()[0]['loc'][0]} beyond its limits"] += 1


def _files_below(folder: Path, passed_over: Counter[str]) -> list[Path]:
    def unreadable(_error: OSError) -> None:
        passed_over["folder that can't be read"] += 1

    walked = os.walk(folder, onerror=unreadable)  # not into links: they may lead in circles
    return sorted(Path(parent, name) for parent, _, names in walked for name in names)


def _listing(path: Path, relative: Path, version: int) -> ListingEvent:
    return ListingEvent(
        event="listing-created",
        listing_id=hashlib.sha256(relative.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:16],
        version=version,
        status="on_sale",
        title=title_of(path.stem),
        category=tuple(map(_text, relative.parent.parts)),
        image_urls=(path.as_uri(),),
    )


def title_of(stem: str) -> str:
    """A file's name in words.

    >>> title_of("red_shoe-LeftSide02")
    'red shoe Left Side 02'
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|[_\W]+", " ", stem)
    return _text(words).strip()[:1_000] or "untitled"


def _kind(suffix: str) -> str:
    shown = "".join(each if each.isprintable() else "?" for each in _text(suffix.lower()))
    return shown[:20] or "without a suffix"


def _text(name: str) -> str:
    """A file's name as text; each byte of it that is not UTF-8 becomes a question mark."""
    return name.encode("utf-8", "replace").decode()
