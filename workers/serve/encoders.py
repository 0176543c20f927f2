"""Pictures and texts of visitors as vectors, each by the very model that made the collection that is searched."""

import threading
from collections.abc import Sequence

from schemas.model import Recipe
from workers.images.decoders import Decoders
from workers.images.limits import ImageLimits
from workers.models.encoder import Device, SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.protocol import Vectors
from workers.serve import metrics
from workers.serve.limits import Later

_MISSING_SECONDS = 30.0


class QueryEncoder:
    """One model; one query at a time goes through it."""

    def __init__(self, encoder: SiglipEncoder, limits: ImageLimits) -> None:
        self.recipe: Recipe = encoder.recipe
        self._encoder = encoder
        # A process of its own: what a hostile picture breaks is not the server.
        self._decoders = Decoders(encoder.recipe, limits, 1)
        self._turn = threading.Lock()

    def picture(self, data: bytes) -> list[float]:
        """The vector of a picture; raises BadMessage for what is none or is too large."""
        pixels = self._decoders.decode(data)
        with self._turn, metrics.STEP_SECONDS.labels("encode").time():
            return _only(self._encoder.encode(pixels[None].copy()))  # a copy: torch warns of what it can't write to

    def text(self, text: str) -> list[float]:
        """The vector of a text."""
        with self._turn, metrics.STEP_SECONDS.labels("encode").time():
            return _only(self._encoder.encode_texts([text]))

    def close(self) -> None:
        """End the decoder process."""
        self._decoders.close()


class Encoders:
    """The models that this server has, by model id."""

    def __init__(self, models: Sequence[str], limits: ImageLimits, device: Device = "auto") -> None:
        self._by_id: dict[str, QueryEncoder] = {}
        for model in models:
            folder = find_model(model)
            recipe = read_recipe(folder)
            if recipe.model_id not in self._by_id:
                encoder = SiglipEncoder(folder, recipe, device=device, batch_size=1)
                self._by_id[recipe.model_id] = QueryEncoder(encoder, limits)

    def knows(self, model_id: str) -> bool:
        """Whether queries by picture and text can be asked of this model's collection."""
        return model_id in self._by_id

    def of(self, model_id: str) -> QueryEncoder:
        """The encoder of this model and of no other; raises Later where it is not here."""
        if model_id not in self._by_id:
            raise Later(
                f"the live model is {model_id}, and this server has {', '.join(self._by_id) or 'none'}: pictures and "
                "texts can't be asked for until it is started with that model", retry_after=_MISSING_SECONDS,
            )  # fmt: skip
        return self._by_id[model_id]

    def close(self) -> None:
        """End all decoder processes."""
        for each in self._by_id.values():
            each.close()


def _only(vectors: Vectors) -> list[float]:
    found: list[float] = vectors[0].tolist()
    return found
