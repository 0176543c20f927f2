"""What visitors read when something fails: never the words of Milvus, of Kafka or of our own mistakes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pymilvus.exceptions import MilvusException

from streams.errors import BadMessage, Broken, ServiceUnavailable, SlowDown
from streams.settings import Settings
from workers.milvus.collection import Collections
from workers.milvus.searcher import Searcher
from workers.server.answerer import NotIndexed
from workers.server.api import ApiConfig, ApiDependencies, make_app
from workers.server.limits import BoundedExecutor, Limits
from workers.server.picture_executor import PictureExecutor
from workers.server.policy import Policy
from workers.server.query import Query

INNER = "code 65535, collection listings_x on 10.0.0.7:19530 said secret"
LIVE = Collections("m@0123456789ab", "listings_m", "tombstones_m")


def asked(failure: Exception, formats: tuple[str, ...] = (), picture: str = "") -> httpx.Response:
    """The answer of a server whose search fails so: by listing, or by a picture of this media type."""

    def fails(*_: object) -> Any:
        raise failure

    answerer: Any = SimpleNamespace(by_listing=lambda each: Query("listing", fails, each), answer=fails)
    anything: Any = SimpleNamespace()
    listing_executor, pictures = BoundedExecutor(1, 8), PictureExecutor(1, 8)
    parts = ApiDependencies(answerer, anything, anything, listing_executor, pictures, listing_executor, dict)

    async def once() -> httpx.Response:
        app = make_app(parts, ApiConfig(Policy(), Limits(), token="", formats=formats))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            if picture:
                return await client.post("/v1/similar", content=b"picture", headers={"Content-Type": picture})
            return await client.get("/v1/listings/m1/similar")

    try:
        return asyncio.run(once())
    finally:
        listing_executor.close()
        pictures.close()


@pytest.mark.parametrize(
    ("failure", "status", "reason"),
    [
        (SlowDown(f"Milvus: {INNER}"), 503, "away"),
        (ServiceUnavailable(INNER), 503, "away"),
        (Broken(INNER), 500, "internal"),
        (MilvusException(1, INNER), 500, "internal"),
        (ValueError(INNER), 500, "internal"),
    ],
)
def test_nothing_of_it_is_told(failure: Exception, status: int, reason: str) -> None:
    """But a number under which the log has it."""
    answer = asked(failure)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    for word in ("secret", "19530", "listings_", "65535"):
        assert word not in answer.text
    assert answer.headers["X-Request-Id"]


def test_what_is_not_there() -> None:
    """Is told in the same words whatever became of it."""
    answer = asked(NotIndexed())
    assert (answer.status_code, answer.json()["reason"]) == (404, "not-indexed")
    assert "X-Request-Id" not in answer.headers


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_media_types(kind: str) -> None:
    """Of formats that the operator takes are taken, and others named as what may be sent."""
    refused = asked(NotIndexed(), picture=f"image/{kind.lower()}")
    assert (refused.status_code, refused.json()["reason"]) == (415, "media-type")
    assert asked(NotIndexed(), (kind,), f"image/{kind.lower()}").status_code == 404
    assert f"image/{kind.lower()}" in asked(NotIndexed(), (kind,), "image/bmp").json()["detail"]


@pytest.mark.parametrize("error", [MilvusException(1101, INNER), MilvusException(1100, INNER)])
def test_a_question_that_milvus_refuses(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Is our mistake, not a bad request of the visitor's, whose answer would have its words."""

    def refuse(*_: object, **__: object) -> Any:
        raise error

    client = SimpleNamespace(query=refuse, search=refuse)
    monkeypatch.setattr("workers.milvus.searcher.connect", lambda _settings: client)
    searcher = Searcher(Settings(), seconds=1)
    for ask in (
        lambda: searcher.row(LIVE, "m1"),
        lambda: searcher.nearest(LIVE, [1.0], 'status == "on_sale"', 5, vectors=False),
    ):
        with pytest.raises(SlowDown) as told:
            ask()
        assert not isinstance(told.value, BadMessage)
