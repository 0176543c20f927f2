"""A shop whose rows are real pictures' vectors, and a server of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from awaiting import eventually
from catalogue import Tail, next_prefix
from pictures import jpeg
from rows import row
from schemas.interaction import Shelf
from serving import Server, server, stocked
from streams.listing_codec import Record
from streams.settings import Settings
from streams.topics import INTERACTIONS, create
from workers.images.decode import decode
from workers.milvus.collection import Collections
from workers.models.encoder import SiglipEncoder
from workers.models.folder import find_model, read_recipe

TOKEN = "a token of the tests"  # noqa: S105
PICTURES = 40


@dataclass
class Shop:
    """Settings, the live collections, and what is recorded."""

    settings: Settings
    collections: Collections
    tail: Tail

    def records(self, request_id: str) -> list[Record]:
        """What is on `interactions` for a shelf."""
        return [each for each in self.tail.read() if each.key == request_id.encode()]

    def recorded(self, request_id: str) -> Shelf:
        """The shelf as it is recorded, once it is."""

        def shelves() -> list[bytes]:  # an interaction may be there before it: shelves wait for each other
            values = [each.value or b"" for each in self.records(request_id)]
            return [each for each in values if json.loads(each)["event"] == "shelf"]

        return Shelf.model_validate_json(eventually(shelves, "the shelf is recorded", seconds=20)[0])


@pytest.fixture(scope="session")
def encoder() -> SiglipEncoder:
    """The bundled model."""
    folder = find_model("")
    return SiglipEncoder(folder, read_recipe(folder), device="cpu")


@pytest.fixture(scope="session")
def vectors(encoder: SiglipEncoder) -> list[list[float]]:
    """Of the pictures 0 … 39."""
    pixels = [decode(jpeg(seed), encoder.recipe, max_pixels=1_000_000) for seed in range(PICTURES)]
    found: list[list[float]] = encoder.encode(np.stack(pixels)).tolist()
    return found


def rows_of(vectors: list[list[float]], **more: Any) -> list[Any]:
    """Listings m0 … m39: ten sellers, two categories, every tenth sold, m31 with the very picture of m30; and two that
    are hidden, beside m1 and m2."""
    return [
        row(
            f"m{number}",
            vector,
            seller_id=f"s{number % 10}",
            category=f"all/{'even' if number % 2 == 0 else 'odd'}",
            price_minor=100 * number,
            currency="EUR",
            status="sold_out" if number % 10 == 9 else "on_sale",
            listed_at=1_000 + number,
            image_hash=f"{30 if number == 31 else number:064}",
            **more,
        )
        for number, vector in enumerate(vectors)
    ] + [
        row(f"hidden{number}", vectors[number], status="hidden", category="all/odd", image_hash=f"{100 + number:064}")
        for number in (1, 2)
    ]


@pytest.fixture(scope="session")
def market(stack: Settings, encoder: SiglipEncoder, vectors: list[list[float]]) -> Iterator[Shop]:
    """The shop that most tests share."""
    settings = stack.model_copy(update={"prefix": next_prefix(), "serve_token": SecretStr(TOKEN)})
    create(settings)
    collections = stocked(settings, encoder.recipe.model_id, encoder.dimensions, rows_of(vectors))
    shop = Shop(settings, collections, Tail(settings, INTERACTIONS))
    yield shop
    shop.tail.close()


@pytest.fixture(scope="session")
def wide(market: Shop) -> Iterator[Server]:
    """A server of it whose operator leaves nothing out: whatever a request may narrow can be tried."""
    with server(market.settings, "--include-sold", "--keep-duplicates") as running:
        yield running


@pytest.fixture(scope="session")
def served(market: Shop) -> Iterator[Server]:
    """A server of it, ended by SIGTERM: cleanly, with every shelf recorded."""
    limits = (
        "--most",
        "30",
        "--picture-bytes",
        "20000",
        "--picture-pixels",
        "40000",
        "--interactions-rate",
        "50",
        "--interactions-most",
        "20",
    )
    with server(market.settings, *limits) as running:
        yield running
        shelf = running.similar("m1")
        answered = running.metric("lookalike_serve_shelves_total")
        assert running.terminate() == 0, running.log()
        assert market.recorded(shelf["request_id"]).query == "m1"
        assert f'"recorded": {answered:.0f}, "unrecorded": 0' in running.log()
        assert "Traceback" not in running.log()
