"""Bodies of requests, read no further than their limit, whatever their headers say."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from streams.errors import BadMessage

_AROUND = 10_000
"""Bytes of a multipart body beside the picture: borders and headers."""


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body; raises BadMessage: body-too-large beyond `limit` bytes, body-too-slow after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return b"".join([chunk async for chunk in _limited(request, limit)])
    except TimeoutError:
        raise BadMessage("body-too-slow", f"the body had not arrived after {seconds:g} s") from None


async def picture(request: Request, limit: int, seconds: float) -> bytes:
    """The one file `image` of a multipart body; raises BadMessage as `read_body`, and for a form that is another."""
    parser = MultiPartParser(request.headers, _limited(request, limit + _AROUND), max_files=1, max_fields=0)
    try:
        async with asyncio.timeout(seconds):
            form = await parser.parse()
    except TimeoutError:
        raise BadMessage("body-too-slow", f"the body had not arrived after {seconds:g} s") from None
    except (MultiPartException, KeyError) as bad:
        raise BadMessage("form", f"one file named image, and nothing else: {bad}") from None
    file = form.get("image")
    if not isinstance(file, UploadFile):
        raise BadMessage("form", "there is no file named image")
    try:
        return await file.read()
    finally:
        await file.close()


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    length = request.headers.get("content-length", "0")
    read = int(length) if length.isdigit() else 0
    if read > limit:
        raise BadMessage("body-too-large", f"more than {limit} bytes")
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        if read > limit:
            raise BadMessage("body-too-large", f"more than {limit} bytes")
        yield chunk
