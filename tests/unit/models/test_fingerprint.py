"""A fingerprint tells an encoder that gives other vectors from one that is the same."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from another_encoder import FIGURES, fingerprint_of_another
from model_folders import Folder
from schemas.fingerprint import LEAST_COSINE, Fingerprint, cosine, difference
from workers.images import decode as decoding
from workers.images.fingerprint import draw, fingerprint_of
from workers.models import encoder as encoders
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe


def encoder() -> SiglipEncoder:
    """The bundled model."""
    return SiglipEncoder(BUNDLED, read_recipe(BUNDLED), device="cpu")


@pytest.fixture(scope="module")
def kept() -> Fingerprint:
    """Of the bundled model, in fp32."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SiglipEncoder, "_faster_on_cpu", lambda _self, model: model)
        return fingerprint_of(encoder())


def test_the_same_model(kept: Fingerprint) -> None:
    """Gives the same vectors, of length 1, each time it is loaded."""
    again = fingerprint_of(encoder())
    assert np.array_equal(again.picture, kept.picture)
    assert difference(kept, again) is None
    assert kept.text is not None
    assert np.linalg.norm(kept.picture) == pytest.approx(1)
    assert np.linalg.norm(kept.text) == pytest.approx(1)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16], ids=str)
def test_another_float_type(kept: Fingerprint, kind: torch.dtype) -> None:
    """Is the same model: one worker may run on a GPU, another on a CPU."""
    rounded = encoder()
    rounded._model.to(kind)
    rounded.float_type = kind
    found = fingerprint_of(rounded)
    assert difference(kept, found) is None
    assert found.text is not None
    assert kept.text is not None
    assert min(cosine(kept.picture, found.picture), cosine(kept.text, found.text)) >= 0.9995


def test_another_activation(kept: Fingerprint) -> None:
    """Is told with both figures."""
    said = difference(kept, fingerprint_of_another())
    assert said is not None
    assert FIGURES.fullmatch(said)


def _mirrored(decode: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **more: decode(*given, **more)[:, ::-1]


def _other_colours(decode: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **more: decode(*given, **more)[:, :, ::-1]


def _grey(decode: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **more: decode(*given, **more).mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("change", [_mirrored, _other_colours, _grey])
def test_pixels_that_are_read_otherwise(
    kept: Fingerprint, monkeypatch: pytest.MonkeyPatch, change: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Another decoder: no file and no recipe says so."""
    monkeypatch.setattr("workers.images.fingerprint.decode", change(decoding.decode))
    assert difference(kept, fingerprint_of(encoder()))


def test_an_orientation_that_is_not_heeded(kept: Fingerprint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn picture lies on its side."""
    monkeypatch.setattr(decoding, "_UPRIGHT", {})
    assert difference(kept, fingerprint_of(encoder()))


def test_a_filter_without_smoothing(kept: Fingerprint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fine stripes become others."""
    resize = Image.Image.resize
    nearest = Image.Resampling.NEAREST
    monkeypatch.setattr(Image.Image, "resize", lambda self, size, *_: resize(self, size, nearest))
    assert difference(kept, fingerprint_of(encoder()))


@pytest.mark.parametrize("change", [{"mean": (0.485, 0.456, 0.406)}, {"std": (1, 1, 1)}, {"rescale": 1 / 127.5}])
def test_pixels_that_are_normalised_otherwise(kept: Fingerprint, change: dict[str, Any]) -> None:
    """By an encoder that does not do what its recipe says."""
    found = SiglipEncoder(BUNDLED, read_recipe(BUNDLED).model_copy(update=change), device="cpu")
    assert difference(kept, fingerprint_of(found))


def test_texts_that_are_prepared_otherwise(kept: Fingerprint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture's vector is the same; that of the text is not."""
    monkeypatch.setattr(encoders, "prepare", lambda text, _preparation: text)
    found = difference(kept, fingerprint_of(encoder()))
    assert found is not None
    assert found.startswith("cosine 1.0000 for the fixed picture, 0.64")


def test_weights_that_are_a_little_otherwise(kept: Fingerprint) -> None:
    """As a library that reads them otherwise would have it: a tenth of their deviation is seen."""
    changed = encoder()
    torch.manual_seed(0)
    with torch.no_grad():
        for each in changed._model.parameters():
            each.add_(0.1 * each.std() * torch.randn_like(each) if each.numel() > 1 else torch.zeros_like(each))
    assert difference(kept, fingerprint_of(changed))


def test_a_model_without_texts(folder: Folder, kept: Fingerprint) -> None:
    """Has no vector of a text; its pictures are compared all the same."""
    folder.weights(lambda t: {name: each for name, each in t.items() if name.startswith("vision")})
    found = fingerprint_of(SiglipEncoder(folder.path, read_recipe(folder.path), device="cpu"))
    assert found.text is None
    assert difference(found, found) is None
    assert difference(kept, replace(kept, text=None)) is None
    assert difference(replace(kept, text=None), kept) is None
    said = difference(found, replace(found, picture=-found.picture))
    assert said == f"cosine -1.0000 for the fixed picture, no text to compare; the least is {LEAST_COSINE}"


@pytest.mark.parametrize(
    "other", [np.zeros(4), np.full(4, np.nan), np.full(4, np.inf), np.ones(3), np.ones((1, 4)), np.zeros(0)], ids=repr
)
def test_vectors_that_are_none(other: Any) -> None:
    """Are like no other, and not even like themselves."""
    vector = Fingerprint(np.asarray([1, 0, 0, 0], np.float32))
    nothing = Fingerprint(other.astype(np.float32))
    assert cosine(vector.picture, nothing.picture) == 0
    assert difference(vector, nothing)
    assert difference(nothing, vector)


def test_the_drawn_picture() -> None:
    """Is the same each time; a JPEG that takes the way of most listings' pictures, down to its draft scales."""
    assert draw() == draw()
    with Image.open(io.BytesIO(draw())) as image:
        assert (image.format, image.size) == ("JPEG", (480, 640))
        assert ImageOps.exif_transpose(image).size == (640, 480)
