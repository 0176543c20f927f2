"""What decides a vector: the recipe, its hash, and the model id that names a collection."""

import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Three = tuple[float, float, float]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,63}$")]
"""Letters, digits and `_`: what Milvus takes in a collection's name, so that the name tells the model id back."""


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
    rescale: float
    mean: _Three
    std: _Three
    decode: Literal["draft", "full"] = Field("draft", description="draft: JPEG at a reduced DCT scale.")
    images: int = Field(1, ge=1, le=20, description="The vector is the mean over the first so many images.")
    quantisation: Literal["none"] = "none"
    reducer: Literal["none"] = "none"

    @property
    def hash12(self) -> str:
        """The first 12 hexadecimal digits of the recipe's sha256; the name is not part of it."""
        canonical = json.dumps(self.model_dump(exclude={"name"}), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

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
