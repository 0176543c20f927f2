"""What an image host answered: a picture, no picture, or a picture that is not there yet."""

import zlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp

from streams.errors import BadMessage, SlowDown
from workers.images.file_kinds import described, kind_of
from workers.images.retry_after import requested_wait

TAKEN = {200, 203}
"""203: a proxy has transformed the answer, for example made the picture smaller."""
_BUSY = {408, 425, 429}
"""These, and 500 and above: the host, or a proxy before it, can't answer at the moment."""
_NOT_YET = {403, 404}
"""What a store or a CDN answers if the picture has not arrived there: S3 answers 403 for a missing object.
202 with Retry-After is treated likewise."""
NO_PICTURE = {"empty", "HTML"}
"""Kinds of content that are served in place of a picture that is not there yet."""


class Fetched(NamedTuple):
    """A picture's bytes, and the status and content type from its host."""

    data: bytes
    status: int = 0
    """HTTP status; 0 for other schemes."""
    content_type: str = ""

    @property
    def description(self) -> str:
        """The content in words, for the dead letter."""
        return described(self.data, self.content_type) + (f", HTTP {self.status}" if self.status else "")


class NotYet(BadMessage):
    """There is no picture yet: the event may have overtaken it."""

    def __init__(self, reason: str, error: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason, error)
        self.retry_after = retry_after
        """Seconds that the host asks to wait."""


class MalformedResponse(SlowDown):
    """An answer that breaks the rules of HTTP: the host is reachable, so it does not count as away."""


class NoConnection(SlowDown):
    """No answer: the host may be away."""


class TimedOut(NoConnection):
    """No answer in time; not tried again in place, since the time is used up."""


async def read_response(response: aiohttp.ClientResponse, name: str, max_bytes: int) -> Fetched:
    """The picture in an answer that is no redirect; `name` is its displayed URL.

    Raises BadMessage (image-missing, image-too-large, image-undecodable), NotYet, SlowDown (busy), MalformedResponse.
    """
    status, kind = response.status, response.headers.get("Content-Type", "")
    if status in _BUSY or status >= 500:
        raise SlowDown(f"HTTP {status}", retry_after=requested_wait(response.headers))
    wait = requested_wait(response.headers)
    if status in _NOT_YET or (status == 202 and wait is not None):
        raise NotYet("image-missing", f"{name}: HTTP {status}", retry_after=wait or 0.0)
    if status not in TAKEN:
        raise BadMessage("image-missing", f"{name}: HTTP {status}{_why(status)}")
    if (response.content_length or 0) > max_bytes:
        raise BadMessage("image-too-large", f"{name}: {response.content_length} bytes, more than {max_bytes}")
    data = await _read(response.content.iter_any(), _decoder(response, name), name, max_bytes)
    fetched = Fetched(data, status, kind)
    if kind_of(data) in NO_PICTURE:
        raise NotYet("image-undecodable", f"{name}: it is no picture; what came is {fetched.description}")
    return fetched


def _why(status: int) -> str:
    if status == 206:
        return ", a part of it"
    return ", which holds no picture" if status < 400 else ""


class _Plain:
    """A body without a content encoding."""

    eof = True

    def decompress(self, data: bytes, _max_bytes: int = 0) -> bytes:
        """The same bytes."""
        return data


class _Inflate:
    """Decompresses gzip, and deflate both as the standard has it (zlib) and as some servers send it (raw)."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._started = False

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._inflater.eof

    def decompress(self, data: bytes, max_bytes: int = 0) -> bytes:
        """At most `max_bytes` decompressed bytes of `data`. Raises zlib.error."""
        if not data:
            return b""
        try:
            output = self._inflater.decompress(data, max_bytes)
        except zlib.error:
            if self._started:
                raise
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            output = self._inflater.decompress(data, max_bytes)
        self._started = True
        return output


def _decoder(response: aiohttp.ClientResponse, name: str) -> _Plain | _Inflate:
    layers = [layer.strip().lower() for layer in ",".join(response.headers.getall("Content-Encoding", ())).split(",")]
    layers = [layer for layer in layers if layer and layer != "identity"]
    if not layers:
        return _Plain()
    if len(layers) == 1 and layers[0] in ("gzip", "x-gzip", "deflate"):
        return _Inflate()
    raise BadMessage(
        "image-undecodable",
        f"{name}: its content encoding is {', '.join(layers)[:80]}; one of gzip or deflate is undone",
    )


async def _read(chunks: AsyncIterator[bytes], decoder: _Plain | _Inflate, name: str, max_bytes: int) -> bytes:
    body, received = bytearray(), 0
    async for chunk in chunks:
        received += len(chunk)
        try:
            body += decoder.decompress(chunk, max_bytes + 1 - len(body))
        except zlib.error as error:
            raise MalformedResponse(f"its content encoding is damaged: {error}") from None
        if max(len(body), received) > max_bytes:
            raise BadMessage("image-too-large", f"{name}: more than {max_bytes} bytes")
    if received and not decoder.eof:
        raise SlowDown("the answer was cut short")
    return bytes(body)
