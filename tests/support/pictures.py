"""Small pictures made from a number: equal numbers make equal bytes."""

import io
import random

from PIL import Image


def image(seed: int, size: tuple[int, int] = (96, 80), mode: str = "RGB") -> Image.Image:
    """A few coloured rectangles."""
    numbers = random.Random(seed)  # noqa: S311 - no secret
    canvas = Image.new("RGB", size, tuple(numbers.randrange(256) for _ in range(3)))
    for _ in range(6):
        left, top = numbers.randrange(size[0]), numbers.randrange(size[1])
        box = (left, top, min(size[0], left + size[0] // 2), min(size[1], top + size[1] // 2))
        canvas.paste(tuple(numbers.randrange(256) for _ in range(3)), box)
    return canvas.convert(mode)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """`picture` as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int) -> bytes:
    """A small JPEG."""
    return encoded(image(seed), quality=85)
