"""What of a picture's file decides its pixels, for the decoder to see that alone; orientation and profile apart."""

from collections.abc import Callable

from workers.images.containers import gif, jpeg, png, webp
from workers.images.containers.stripped import Stripped

_BY_KIND: dict[str, Callable[[bytes], Stripped]] = {
    "JPEG": jpeg.strip,
    "PNG": png.strip,
    "WebP": webp.strip,
    "GIF": gif.strip,
}


def strip(data: bytes, kind: str) -> Stripped:
    """The picture in a file of this kind (`kinds.kind_of`); as it is where the kind has no parts that we know.

    Raises BadMessage: image-undecodable for what is no such file, image-too-large for more parts than a picture has.
    """
    known = _BY_KIND.get(kind)
    return known(data) if known else Stripped(data)
