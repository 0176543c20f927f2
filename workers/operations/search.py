"""Asking for neighbours, as plain Python: by listing, by picture or by text, always with the live model's recipe.

>>> asker = Asker(read_settings())                       # doctest: +SKIP
>>> asker.by_listing("m81237", Wanted(k=5)).neighbors    # doctest: +SKIP
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from schemas.fingerprint import Fingerprint
from streams.errors import BadMessage, LookalikeError, NotFound, SlowDown, UsageError, unreachable
from streams.redaction import shown_address
from streams.settings import Settings
from streams.takedown_follower import TakedownFollower
from workers.milvus.candidates import Hides
from workers.milvus.client import as_command_failure, connect
from workers.milvus.collection import Collections, live
from workers.milvus.fingerprints import read_fingerprint, require_same
from workers.milvus.neighbors import Neighbor, SearchOptions, search, stored_vector

if TYPE_CHECKING:
    from workers.models.encoder import SiglipEncoder

_KNOWN_WITHIN = 10.0
"""Seconds to wait for what was taken down, at the first query."""


@dataclass(frozen=True)
class Answer:
    """The neighbours of a query, nearest first, and the model that found them."""

    model: str
    query: str
    neighbors: list[Neighbor]


class Asker:
    """Answers queries from the live collection, which it resolves once for each query.

    What was taken down is in no answer; `follower` knows what that is, and is closed with the asker. Every method
    raises NotFound for a listing that is not in the index, UsageError for a picture or filter that can't be used or a
    live model other than the one in the settings, by its id or by its fingerprint, 3 where Milvus is away, or Kafka:
    without it nobody knows what was taken down.
    """

    def __init__(self, settings: Settings, follower: TakedownFollower | None = None) -> None:
        self._settings = settings
        self._client = connect(settings)  # before the follower starts: when this raises, nobody would close it
        self._follower = follower or TakedownFollower(settings).start()
        self._compared: Collections | None = None
        """Whose fingerprint was compared with our encoder's."""

    def close(self) -> None:
        """Follow no longer."""
        self._follower.close()

    def by_listing(self, listing_id: str, wanted: SearchOptions) -> Answer:
        """Neighbours of a listing in the index, itself and its own picture left out; nothing is encoded."""
        with as_command_failure(self._settings):
            collection = self._live()
            hides = self._hides()
            stored = stored_vector(self._client, collection.listings, listing_id)
            if stored is None or hides(listing_id, stored.version, stored.seller_id, stored.image_hash):
                raise NotFound(
                    f"{listing_id} is not in {collection.listings}; `lookalike explain {listing_id}` tells why"
                )
            found = search(
                self._client,
                collection.listings,
                stored.vector,
                wanted,
                without=listing_id,
                without_hash=stored.image_hash,
                hides=hides,
            )
            return Answer(collection.model_id, listing_id, found)

    def by_image(self, data: bytes, wanted: SearchOptions, *, query: str = "image") -> Answer:
        """Neighbours of a picture (JPEG, PNG or WebP), decoded and encoded by the live collection's recipe."""
        from workers.images.decode import decode
        from workers.images.limits import ImageLimits

        with as_command_failure(self._settings):
            collection = self._live()
            encoder = self._encoder_of(collection)
            try:
                formats = self._settings.image_formats
                pixels = decode(data, encoder.recipe, max_pixels=ImageLimits().pixels, formats=formats)
            except BadMessage as bad:
                raise UsageError(f"{query}: {bad.error}") from None
            # A copy: torch warns of what it can't write to.
            return self._search(collection, encoder.encode(pixels[None].copy())[0].tolist(), wanted, query)

    def by_text(self, text: str, wanted: SearchOptions) -> Answer:
        """Neighbours of a text, by the text tower of the live model, which must have one."""
        with as_command_failure(self._settings):
            collection = self._live()
            try:
                vector = self._encoder_of(collection).encode_texts([text])[0].tolist()
            except BadMessage as bad:
                raise UsageError(f"a text can't be asked for: {bad.error}") from None
            return self._search(collection, vector, wanted, text)

    def _search(self, collection: Collections, vector: list[float], wanted: SearchOptions, query: str) -> Answer:
        found = search(self._client, collection.listings, vector, wanted, hides=self._hides())
        return Answer(collection.model_id, query, found)

    def _hides(self) -> Hides:
        """What may not be shown, as known now; asked for each query."""
        try:
            return self._follower.require(seconds=_KNOWN_WITHIN).is_hidden
        except SlowDown as away:
            remedy = f"what was taken down can't be known, so nothing is shown ({away})"
            raise unreachable("Kafka", self._settings.kafka, remedy) from None

    def _live(self) -> Collections:
        current = live(self._client, self._settings)
        if current is None:
            raise LookalikeError(
                f"nothing is indexed yet: Milvus at {shown_address(self._settings.milvus)} has no alias "
                f"{self._settings.named('listings')}; start a worker with `lookalike worker index`",
            )
        return current

    def _encoder_of(self, collection: Collections) -> "SiglipEncoder":
        if self._encoder.recipe.model_id != collection.model_id:
            raise UsageError(
                f"the live collection was made by {collection.model_id}, this is {self._encoder.recipe.model_id}; "
                "set LOOKALIKE_MODEL to the live model",
            )
        if collection != self._compared:
            before = read_fingerprint(self._client, self._settings, collection.model_id)
            require_same(collection, before, self._fingerprint)
            self._compared = collection
        return self._encoder

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        from workers.images.fingerprint import fingerprint_of

        return fingerprint_of(self._encoder)

    @cached_property
    def _encoder(self) -> "SiglipEncoder":
        from workers.models.encoder import SiglipEncoder
        from workers.models.folder import find_model, read_recipe

        folder = find_model(self._settings.model)
        return SiglipEncoder(folder, read_recipe(folder))
