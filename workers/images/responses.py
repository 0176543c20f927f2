"""What an image host answered: a picture, no picture, or one that is not there yet."""

import zlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp

from streams.errors import BadMessage, SlowDown
from workers.images.file_kinds import described, kind_of
from workers.images.retry_after import wait_asked

TAKEN = {200, 203}
"""203: a proxy on the way changed the answer, as those do that make pictures smaller."""
_BUSY = {408, 425, 429}
"""And 500 and above: the host, or what is before it, can't answer at the moment."""
_NOT_YET = {403, 404}
"""What a store or a CDN answers that the picture has not reached: S3 says 403 for what is not there.
So does 202 with Retry-After."""
NO_PICTURE = {"empty", "HTML"}
"""Kinds of what comes in place of one that is not there yet."""


class Fetched(NamedTuple):
    """A picture's bytes, and what its host said of them."""

    data: bytes
    status: int = 0
    """HTTP status; 0 for what does not come by HTTP."""
    content_type: str = ""

    @property
    def came(self) -> str:
        """What came, in words, for the dead letter."""
        return described(self.data, self.content_type) + (f", HTTP {self.status}" if self.status else "")


class NotYet(BadMessage):
    """There is no picture, but soon after the event there may be one: the event overtook its picture."""

    def __init__(self, reason: str, error: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason, error)
        self.retry_after = retry_after
        """Seconds for which the host asks to be left alone."""


class BadAnswer(SlowDown):
    """An answer that is none by the rules of HTTP: the host is there, and answers like that."""


class NoConnection(SlowDown):
    """No answer: nothing is known of the picture, and its host may be away."""


class TimedOut(NoConnection):
    """None in time: what has cost its whole time is not tried again in place."""


async def read_answer(response: aiohttp.ClientResponse, name: str, most: int) -> Fetched:
    """The picture in an answer that is no redirect; `name` is its address as people may see it, `most` is in bytes.

    Raises BadMessage (image-missing, image-too-large, image-undecodable), NotYet, SlowDown (busy) and BadAnswer.
    """
    status, kind = response.status, response.headers.get("Content-Type", "")
    if status in _BUSY or status >= 500:
        raise SlowDown(f"HTTP {status}", retry_after=wait_asked(response.headers))
    asked = wait_asked(response.headers)
    if status in _NOT_YET or (status == 202 and asked is not None):
        raise NotYet("image-missing", f"{name}: HTTP {status}", retry_after=asked or 0.0)
    if status not in TAKEN:
        raise BadMessage("image-missing", f"{name}: HTTP {status}{_why(status)}")
    if (response.content_length or 0) > most:
        raise BadMessage("image-too-large", f"{name}: {response.content_length} bytes, more than {most}")
    data = await _read(response.content.iter_any(), _decoder(response, name), name, most)
    fetched = Fetched(data, status, kind)
    if kind_of(data) in NO_PICTURE:
        raise NotYet("image-undecodable", f"{name}: it is no picture; what came is {fetched.came}")
    return fetched


def _why(status: int) -> str:
    if status == 206:
        return ", a part of it"
    return ", which holds no picture" if status < 400 else ""


class _Plain:
    """A body that is sent as it is."""

    eof = True

    def decompress(self, data: bytes, _most: int = 0) -> bytes:
        """The same bytes."""
        return data


class _Inflate:
    """Undoes gzip, and deflate both as the standard has it (zlib) and as some servers send it (raw)."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    @property
    def eof(self) -> bool:
        """Whether its end was seen."""
        return self._inflater.eof

    def decompress(self, data: bytes, most: int = 0) -> bytes:
        """What `data` holds, `most` bytes and no more. Raises zlib.error."""
        if not data:
            return b""
        try:
            found = self._inflater.decompress(data, most)
        except zlib.error:
            if self._begun:
                raise
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            found = self._inflater.decompress(data, most)
        self._begun = True
        return found


def _decoder(response: aiohttp.ClientResponse, name: str) -> _Plain | _Inflate:
    layers = [each.strip().lower() for each in ",".join(response.headers.getall("Content-Encoding", ())).split(",")]
    layers = [each for each in layers if each and each != "identity"]
    if not layers:
        return _Plain()
    if len(layers) == 1 and layers[0] in ("gzip", "x-gzip", "deflate"):
        return _Inflate()
    raise BadMessage(
        "image-undecodable",
        f"{name}: its content encoding is {', '.join(layers)[:80]}; one of gzip or deflate is undone",
    )


async def _read(pieces: AsyncIterator[bytes], decoder: _Plain | _Inflate, name: str, most: int) -> bytes:
    body, came = bytearray(), 0
    async for piece in pieces:
        came += len(piece)
        try:
            body += decoder.decompress(piece, most + 1 - len(body))
        except zlib.error as error:
            raise BadAnswer(f"its content encoding is damaged: {error}") from None
        if max(len(body), came) > most:
            raise BadMessage("image-too-large", f"{name}: more than {most} bytes")
    if came and not decoder.eof:
        raise SlowDown("the answer was cut short")
    return bytes(body)
