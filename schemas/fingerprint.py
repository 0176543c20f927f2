"""A model's fingerprint: what it makes of one fixed picture and of one fixed text, kept with its collection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

LEAST_COSINE = 0.999
"""Of two fingerprints of one model. bf16 and fp32 have 0.9999 on the bundled model; other filters of Pillow have that
too, while other colours, sides, mean values, activations or pieces of a text have 0.99 and less."""


@dataclass(frozen=True)
class Fingerprint:
    """Two unit vectors; `text` is None if the model takes no texts."""

    picture: Vector
    text: Vector | None = None


def difference(kept: Fingerprint, computed: Fingerprint) -> str | None:
    """Both cosines in words if one of them is below `LEAST_COSINE`; None if two encoders are the same.

    A text is compared if both have one: without a tokenizer pictures are indexed all the same.
    """
    picture = cosine(kept.picture, computed.picture)
    text = None if kept.text is None or computed.text is None else cosine(kept.text, computed.text)
    if picture >= LEAST_COSINE and (text is None or text >= LEAST_COSINE):
        return None
    of_the_text = "no text to compare" if text is None else f"{text:.4f} for the fixed text"
    return f"cosine {picture:.4f} for the fixed picture, {of_the_text}; the least is {LEAST_COSINE}"


def cosine(one: Vector, other: Vector) -> float:
    """Of two vectors; 0 if they have another number of dimensions, a length of 0, or a part that is no number."""
    if one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return 0.0
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(np.sum(one * other)) / lengths if lengths else 0.0
