"""The encoder on a CPU: its float type changes its speed, not its vectors."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe


@pytest.fixture(scope="module")
def encoder() -> SiglipEncoder:
    """The bundled model, in whichever float type won the trial."""
    return SiglipEncoder(BUNDLED, read_recipe(BUNDLED))


def test_the_trial_leaves_the_weights_alone(encoder: SiglipEncoder) -> None:
    """Where fp32 wins, each weight is what the folder holds, to the last digit; where bf16 wins, its nearest bf16."""
    held = load_file(BUNDLED / "model.safetensors")
    for name, weight in encoder._model.state_dict().items():
        assert torch.equal(weight, held[name].to(torch.float32).to(encoder.float_type)), name


def test_float_types_agree(encoder: SiglipEncoder) -> None:
    """The vectors of fp32 and bf16 have a cosine of 0.999 or more: so the float type is not part of the recipe."""
    pictures = np.random.default_rng(0).integers(0, 256, (16, 128, 128, 3), dtype=np.uint8)
    vectors = []
    kept = encoder._model
    for kind in (torch.float32, torch.bfloat16):
        fresh = SiglipEncoder.__new__(SiglipEncoder)
        fresh.__dict__ |= encoder.__dict__
        fresh._model = type(kept).from_pretrained(BUNDLED, dtype=torch.float32).eval().to(kind)
        fresh.float_type = kind
        vectors.append(fresh.encode(pictures))
    assert (vectors[0] * vectors[1]).sum(axis=1).min() >= 0.999
    assert np.allclose(np.linalg.norm(vectors[0], axis=1), 1, atol=1e-5)


def test_texts(encoder: SiglipEncoder) -> None:
    """Become unit vectors of the pictures' dimensions; one longer than the model reads is cut, not refused."""
    vectors = encoder.encode_texts(["a red car", "word " * 500])
    assert vectors.shape == (2, encoder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
