"""Pictures and texts of visitors as vectors, each by the very model that made the collection that is searched."""

import threading
from collections.abc import Sequence

from schemas.model import Recipe
from workers.images.decoder_pool import DecodeCall, DecoderPool
from workers.images.fingerprint import fingerprint_of
from workers.images.limits import ImageLimits
from workers.milvus.collection import Collections
from workers.models.device import Device
from workers.models.encoder import SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.protocol import Vectors
from workers.server import metrics
from workers.server.fingerprint_check import FingerprintCheck
from workers.server.limits import Unavailable

_MISSING_SECONDS = 30.0


class QueryEncoder:
    """One model; one query at a time goes through it. `decoders` is how many pictures are decoded at a time."""

    def __init__(self, encoder: SiglipEncoder, limits: ImageLimits, decoders: int) -> None:
        self.recipe: Recipe = encoder.recipe
        self.fingerprint = fingerprint_of(encoder)  # a tokenizer that can't be loaded ends the start, not a query
        self._encoder = encoder
        # Processes of their own: what a hostile picture breaks is not the server.
        self._decoders = DecoderPool(encoder.recipe, limits, decoders)
        self._turn = threading.Lock()

    def picture(self, data: bytes, call: DecodeCall) -> list[float]:
        """The vector of a picture; raises BadMessage if it is none or too large, and DecodeCancelled."""
        pixels = self._decoders.decode(data, call)
        with self._turn, metrics.STEP_SECONDS.labels("encode").time():
            return _only(self._encoder.encode(pixels[None].copy()))  # a copy: torch warns of what it can't write to

    def text(self, text: str) -> list[float]:
        """The vector of a text; raises BadMessage (`text`) if the model takes none."""
        with self._turn, metrics.STEP_SECONDS.labels("encode").time():
            return _only(self._encoder.encode_texts([text]))

    def close(self) -> None:
        """End the decoder processes."""
        self._decoders.close()


class QueryEncoders:
    """The models that this server has, by model id."""

    def __init__(
        self,
        models: Sequence[str],
        limits: ImageLimits,
        fingerprint_check: FingerprintCheck,
        decoders: int = 1,
        device: Device = "auto",
    ) -> None:
        """Load them. Raises UsageError for a model that can't be used."""
        self._fingerprint_check = fingerprint_check
        self._by_id: dict[str, QueryEncoder] = {}
        for model in models:
            folder = find_model(model)
            recipe = read_recipe(folder)
            if recipe.model_id not in self._by_id:
                encoder = SiglipEncoder(folder, recipe, device=device, batch_size=1)
                self._by_id[recipe.model_id] = QueryEncoder(encoder, limits, decoders)

    def knows(self, model_id: str) -> bool:
        """Whether this server has the model."""
        return model_id in self._by_id

    def problem(self, collections: Collections) -> str | None:
        """Why queries by picture and text can't be asked of these collections; None if they can.

        Raises SlowDown where Milvus is away.
        """
        encoder = self._by_id.get(collections.model_id)
        if encoder is None:
            return "the live model is not one of this server's"
        differs = self._fingerprint_check.problem(collections, encoder.fingerprint)
        return differs and (
            f"this server's {collections.model_id} gives other vectors than the one that filled "
            f"{collections.listings}: {differs}"
        )

    def of(self, collections: Collections) -> QueryEncoder:
        """The encoder that filled these collections and no other; raises Unavailable where it is not here."""
        model_id = collections.model_id
        if model_id not in self._by_id:
            raise Unavailable(
                f"the live model is {model_id}, and this server has {', '.join(self._by_id) or 'none'}: pictures and "
                "texts can't be asked for until it is started with that model",
                retry_after=_MISSING_SECONDS,
            )
        if self.problem(collections):
            raise Unavailable(
                f"this server's {model_id} is not the one that filled the collection: pictures and texts can't be "
                "asked for",
                retry_after=_MISSING_SECONDS,
            )
        return self._by_id[model_id]

    def close(self) -> None:
        """End all decoder processes."""
        for each in self._by_id.values():
            each.close()


def _only(vectors: Vectors) -> list[float]:
    found: list[float] = vectors[0].tolist()
    return found
