"""What decides a vector: the recipe, its hash, and the model id that names a collection."""

import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Three = tuple[_Number, _Number, _Number]
_Scales = tuple[_Scale, _Scale, _Scale]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,63}$")]
"""Letters, digits and `_`: what Milvus takes in a collection's name, so that the name tells the model id back."""

Decode = Literal["draft", "full"]
"""How a JPEG is decoded: at a reduced scale, or at its own."""
Profiles = Literal["ignored", "srgb"]
"""Whether colour profiles are applied."""
Several = Literal["mean", "first_good"]
"""What becomes of several pictures: the mean of their vectors, or the first that can be decoded."""

_ALWAYS_HASHED = frozenset(
    {"weights", "height", "width", "resample", "rescale", "mean", "std", "decode", "images", "quantisation", "reducer"}
)
"""The fields of the first release, in the hash whatever they are; a field that is not here only if it has another
value than its default. Never add to it: every collection would be another model's."""


class Recipe(BaseModel):
    """Everything that decides a vector; two recipes that differ anywhere never share a collection.

    The float type is not part of it: bf16 and fp32 agree to a cosine of 0.999 or more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    weights: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 over the safetensors files, by name in order.")
    height: int = Field(gt=0, le=4_096)
    width: int = Field(gt=0, le=4_096)
    resample: int = Field(ge=0, le=5, description="Pillow's number of the filter.")
    rescale: float = Field(gt=0, allow_inf_nan=False)
    mean: _Three
    std: _Scales
    decode: Decode = Field("draft", description="draft: JPEG at a reduced DCT scale.")
    images: int = Field(1, ge=1, le=20, description="So many images are taken, the first ones.")
    quantisation: Literal["none"] = "none"
    reducer: Literal["none"] = "none"
    config: dict[str, JsonValue] = Field({}, description="What of config.json differs from the published SigLIPs.")
    tokenizer: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="sha256 over its files; null: not stated, as in the first release."
    )
    texts: Literal["as_typed", "lower", "titles"] | None = Field(
        None, description="How query texts are prepared; null: as the tokenizer's settings ask."
    )
    profiles: Profiles = Field(
        "ignored", description="srgb: a picture's colour profile is applied; ignored: as in the first release."
    )

    several: Several = Field(
        "mean", description="mean: the vector is the mean over these images; first_good: of the first that is good."
    )

    @property
    def pooled(self) -> int:
        """Of how many images a vector is at most."""
        return self.images if self.several == "mean" else 1

    @property
    def hash12(self) -> str:
        """The first 12 hexadecimal digits of the canonical form's sha256."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:12]

    @property
    def canonical(self) -> str:
        """What is hashed: JSON with sorted keys, without the name and without later fields that have their default.

        So a field that a later release adds changes no id that exists; its default must mean what was done before.
        """
        fields = type(self).model_fields
        said = {
            name: value
            for name, value in self.model_dump(mode="json", exclude={"name"}).items()
            if name in _ALWAYS_HASHED or getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @property
    def model_id(self) -> str:
        """`name@hash12`."""
        return f"{self.name}@{self.hash12}"


def model_name(text: str) -> str:
    """A folder's or repository's name as a model's name.

    >>> model_name("siglip2-base-patch16-256")
    'siglip2_base_patch16_256'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:64] or "model"


def collection_suffix(model_id: str) -> str:
    """A model id as the end of a collection's name.

    >>> collection_suffix("siglip2_base@0123456789ab")
    'siglip2_base_0123456789ab'
    """
    return model_id.replace("@", "_")


def model_id_of(suffix: str) -> str:
    """The model id that `collection_suffix` was given.

    >>> model_id_of("siglip2_base_0123456789ab")
    'siglip2_base@0123456789ab'
    """
    name, _, hash12 = suffix.rpartition("_")
    return f"{name}@{hash12}"
