"""Pictures for the gallery and for the questions: small copies inside the page, and altered copies to ask with."""

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from PIL import Image, ImageOps

_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 78  # of WebP: no artefact to be seen at this size, 3 to 9 kB each
_BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def path_of(url: str) -> Path:
    """The file behind a file:// address."""
    return Path(url2pathname(urlsplit(url).path))


@lru_cache(maxsize=1_000)
def data_uri(path: Path, side: int) -> str:
    """The picture, at most `side` pixels wide and high, as a data URI; an empty one where it can't be read any more."""
    try:
        picture = _opened(path, side)
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=_QUALITY, method=4)
    except (OSError, ValueError, SyntaxError):
        return _BLANK
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def mirrored(picture: Image.Image) -> Image.Image:
    """Left is right."""
    return ImageOps.mirror(picture)


def cropped(picture: Image.Image) -> Image.Image:
    """The middle 80 % of each side."""
    width, height = picture.size
    return picture.crop((width // 10, height // 10, width - width // 10, height - height // 10))


def turned(picture: Image.Image) -> Image.Image:
    """Turned by ten degrees on white."""
    return picture.rotate(10, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


ALTERATIONS: tuple[tuple[str, Callable[[Image.Image], Image.Image]], ...] = (
    ("mirrored", mirrored),
    ("cropped", cropped),
    ("turned by ten degrees", turned),
)


def altered(source: Path, alter: Callable[[Image.Image], Image.Image], target: Path) -> Path:
    """An altered copy at `target`, as a JPEG of middling quality: a picture that is in no catalogue."""
    picture = _opened(source, 1_024)
    picture.thumbnail((1_024, 1_024), Image.Resampling.LANCZOS)
    alter(picture).save(target, "JPEG", quality=70)
    return target


def _opened(path: Path, side: int) -> Image.Image:
    """The picture upright, on white, at a reduced JPEG scale where that is enough for `side`."""
    with Image.open(path, formats=_FORMATS) as image:
        image.draft("RGB", (side, side))
        layer = ImageOps.exif_transpose(image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
