"""Encoding when the memory is short."""

import numpy as np
import pytest
import torch

from schemas.model import Recipe
from streams.errors import BadMessage, Broken
from workers.indexer.batch_encoding import encode
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe
from workers.models.protocol import OutOfMemory, Pictures, Vectors


class Small:
    """An encoder with memory for `most` pictures, and for none that are white."""

    recipe: Recipe = read_recipe(BUNDLED)
    batch_size = 32

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, list[int]()

    def encode(self, pictures: Pictures) -> Vectors:
        """Each picture's mean."""
        self.sizes.append(len(pictures))
        if len(pictures) > self.most or (pictures == 255).all(axis=(1, 2, 3)).any():
            raise OutOfMemory("no memory")
        means: Vectors = pictures.mean(axis=(1, 2)).astype(np.float32)
        return means


def test_a_batch_that_does_not_fit_is_halved() -> None:
    """Until its parts fit; each picture has its own vector, in order."""
    small = Small(3)
    vectors = encode(small, [np.full((2, 2, 3), number, np.uint8) for number in range(10)])
    assert [float(each[0]) for each in vectors if not isinstance(each, BadMessage)] == list(range(10))
    assert max(small.sizes) == 10


def test_the_one_picture_that_never_fits() -> None:
    """Is bad, and costs the others nothing."""
    pictures = [np.full((2, 2, 3), 255 if number == 4 else number, np.uint8) for number in range(9)]
    found = encode(Small(99), pictures)
    bad = found.pop(4)
    assert isinstance(bad, BadMessage)
    assert bad.reason == "encode"
    assert not any(isinstance(each, BadMessage) for each in found)


CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), OutOfMemory),
        (RuntimeError(CPU), OutOfMemory),
        (RuntimeError("MPS backend out of memory"), OutOfMemory),
        (RuntimeError("CUDA error: device-side assert triggered\nmore"), Broken),
    ],
)
def test_what_torch_says(monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[Exception]) -> None:
    """Too little memory can be helped with a smaller batch; a device that is lost can not."""
    encoder = SiglipEncoder(BUNDLED, read_recipe(BUNDLED))

    def fails(**_: object) -> None:
        raise failure

    monkeypatch.setattr(encoder._model, "get_image_features", fails)
    with pytest.raises(kind, match=str(failure).splitlines()[0][:20].replace("[", r"\[")):
        encoder.encode(np.zeros((1, 128, 128, 3), np.uint8))
