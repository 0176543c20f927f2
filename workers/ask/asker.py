"""Asking for neighbours, as plain Python: by listing, by picture or by text, always with the live model's recipe.

>>> asker = Asker(read_settings())                       # doctest: +SKIP
>>> asker.by_listing("m81237", Wanted(k=5)).neighbors    # doctest: +SKIP
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from streams.failures import BadMessage, CommandFailed
from streams.settings import Settings
from workers.vectors.client import answering, connect
from workers.vectors.collection import Collections, live
from workers.vectors.neighbors import Neighbor, Wanted, search, stored_vector

if TYPE_CHECKING:
    from workers.models.encoder import SiglipEncoder


@dataclass(frozen=True)
class Answer:
    """The neighbours of a query, nearest first, and the model that found them."""

    model: str
    query: str
    neighbors: list[Neighbor]


class Asker:
    """Answers queries from the live collection, which it resolves once for each query.

    Every method raises CommandFailed: 1 for a listing that is not in the index, 2 for a picture or filter that can't
    be used or a live model other than the one in the settings, 3 where Milvus is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect(settings)

    def by_listing(self, listing_id: str, wanted: Wanted) -> Answer:
        """Neighbours of a listing in the index, itself and its own picture left out; nothing is encoded."""
        with answering(self._settings):
            collection = self._live()
            stored = stored_vector(self._client, collection.listings, listing_id)
            if stored is None:
                raise CommandFailed(
                    f"{listing_id} is not in {collection.listings}; `lookalike explain {listing_id}` tells why", 1
                )
            vector, image_hash = stored
            found = search(
                self._client, collection.listings, vector, wanted, without=listing_id, without_hash=image_hash
            )
            return Answer(collection.model_id, listing_id, found)

    def by_image(self, data: bytes, wanted: Wanted, *, query: str = "image") -> Answer:
        """Neighbours of a picture (JPEG, PNG or WebP), decoded and encoded by the live collection's recipe."""
        from workers.index.decode import decode
        from workers.index.limits import ImageLimits

        with answering(self._settings):
            collection = self._live()
            encoder = self._encoder_of(collection)
            try:
                pixels = decode(data, encoder.recipe, max_pixels=ImageLimits().pixels)
            except BadMessage as bad:
                raise CommandFailed(f"{query}: {bad.error}", 2) from None
            # A copy: torch warns of what it can't write to.
            return self._search(collection, encoder.encode(pixels[None].copy())[0].tolist(), wanted, query)

    def by_text(self, text: str, wanted: Wanted) -> Answer:
        """Neighbours of a text, by the text tower of the live model."""
        with answering(self._settings):
            collection = self._live()
            return self._search(collection, self._encoder_of(collection).encode_texts([text])[0].tolist(), wanted, text)

    def _search(self, collection: Collections, vector: list[float], wanted: Wanted, query: str) -> Answer:
        return Answer(collection.model_id, query, search(self._client, collection.listings, vector, wanted))

    def _live(self) -> Collections:
        current = live(self._client, self._settings)
        if current is None:
            raise CommandFailed(
                f"nothing is indexed yet: Milvus at {self._settings.milvus} has no alias "
                f"{self._settings.named('listings')}; start a worker with `lookalike worker index`",
                1,
            )
        return current

    def _encoder_of(self, collection: Collections) -> "SiglipEncoder":
        if self._encoder.recipe.model_id != collection.model_id:
            raise CommandFailed(
                f"the live collection was made by {collection.model_id}, this is {self._encoder.recipe.model_id}; "
                "set LOOKALIKE_MODEL to the live model",
                2,
            )
        return self._encoder

    @cached_property
    def _encoder(self) -> "SiglipEncoder":
        from workers.models.encoder import SiglipEncoder
        from workers.models.folder import find_model, read_recipe

        folder = find_model(self._settings.model)
        return SiglipEncoder(folder, read_recipe(folder))
