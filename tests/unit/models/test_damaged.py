"""Files of a model folder that are damaged, or hold what nobody would write: one line that names the folder, exit 2."""

from collections.abc import Callable
from typing import Any

import pytest

from model_folders import Folder
from streams.errors import UsageError
from workers.images.fingerprint import fingerprint_of
from workers.models.encoder import SiglipEncoder
from workers.models.folder import read_recipe

CONTENTS = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "number": b"1e999",
    "half": b'{"a": ',
    "garbage": b"\x00\xff" * 50,
    "utf-16": "{}".encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep-objects": b'{"a":' * 100_000,
    "long-number": b'{"a": ' + b"9" * 5_000 + b"}",
    "html": b"<!doctype html>",
}
FILES = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "recipe.json",
    "tokenizer.json",
    "model.safetensors",
    "spiece.model",
)
OPTIONAL = ("recipe.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def refusal(folder: Folder) -> str:
    """Why a worker does not begin: the folder is read, loaded, and its fingerprint computed."""
    with pytest.raises(UsageError) as failed:
        fingerprint_of(SiglipEncoder(folder.path, read_recipe(folder.path), device="cpu"))
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 700
    return str(failed.value)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", FILES)
def test_damaged_files(folder: Folder, file: str, content: str) -> None:
    """Whichever file it is, and whatever stands in it."""
    if file == "tokenizer.json":
        (folder.path / "spiece.model").unlink()  # where both are there, SigLIP's tokenizer is made of this one
    (folder.path / file).write_bytes(CONTENTS[content])
    assert str(folder.path) in refusal(folder)


@pytest.mark.parametrize("file", [*FILES, "special_tokens_map.json"])
@pytest.mark.parametrize("kind", ["folder", "link to itself"])
def test_what_is_no_file(folder: Folder, file: str, kind: str) -> None:
    """A folder, or a link that leads nowhere."""
    path = folder.path / file
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.name)
    if kind == "folder" or file not in OPTIONAL:  # a link that leads nowhere is no file
        assert str(folder.path) in refusal(folder)


@pytest.mark.parametrize("tower", ["vision_config", "text_config"])
@pytest.mark.parametrize("field", ["num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"])
@pytest.mark.parametrize("value", [0, -1, 10**9, 10**30, 0.5, "x", None, True, [1]], ids=repr)
def test_sizes_that_no_model_has(folder: Folder, tower: str, field: str, value: object) -> None:
    """A thousand million layers would be made one after the other, for hours."""
    said = refusal(Folder(folder.settings("config.json", lambda c: c[tower].update({field: value}))))
    assert f"{tower}.{field} is {value!r}" in said


@pytest.mark.parametrize(
    ("tower", "field", "value"),
    [
        ("vision_config", "image_size", 0),
        ("vision_config", "patch_size", 0),
        ("vision_config", "num_channels", 4),
        ("text_config", "vocab_size", 10**12),
        ("text_config", "max_position_embeddings", 0),
    ],
)
def test_other_sizes(folder: Folder, tower: str, field: str, value: object) -> None:
    """Each in its tower."""
    said = refusal(Folder(folder.settings("config.json", lambda c: c[tower].update({field: value}))))
    assert f"{tower}.{field} is {value!r}" in said


def test_more_than_the_weights_hold(folder: Folder) -> None:
    """Each size may be one of a model, and all together the memory of no machine: it is not asked for."""
    large = {"hidden_size": 8_192, "intermediate_size": 65_536, "num_hidden_layers": 20}
    said = refusal(Folder(folder.settings("config.json", lambda c: c["vision_config"].update(large))))
    assert "config.json asks for" in said


@pytest.mark.parametrize("tower", ["vision_config", "text_config"])
def test_a_model_that_gives_no_vector(folder: Folder, tower: str) -> None:
    """Is found at the start, by the fixed picture and text, not by a dead letter of each event."""
    said = refusal(Folder(folder.settings("config.json", lambda c: c[tower].update(layer_norm_eps=float("nan")))))
    assert "gives no vector" in said


@pytest.mark.parametrize("return_dict", [None, False])
def test_tuples(folder: Folder, return_dict: object) -> None:
    """A config may ask for them; the vectors are the same."""
    before = fingerprint_of(SiglipEncoder(folder.path, read_recipe(folder.path), device="cpu"))
    folder.settings("config.json", lambda c: c.update(return_dict=return_dict))
    after = fingerprint_of(SiglipEncoder(folder.path, read_recipe(folder.path), device="cpu"))
    assert (before.picture == after.picture).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(size={"height": 0, "width": 0}),
        lambda c: c.update(size={"height": 10**30, "width": 10**30}),
        lambda c: c.update(size={"height": "32", "width": "32"}),
        lambda c: c.update(image_std=["0.5"] * 3),
        lambda c: c.update(image_mean="0.5"),
        lambda c: c.update(rescale_factor="0.5"),
        lambda c: c.update(rescale_factor=10**400),
        lambda c: c.update(resample=[3]),
        lambda c: c.update(do_normalize="yes"),
        lambda c: c.update(image_processor_type={"a": 1}),
    ],
)
def test_a_processor_of_other_kinds(folder: Folder, change: Callable[[dict[str, Any]], object]) -> None:
    """Texts in place of numbers, no size at all, and numbers that no float holds."""
    assert str(folder.path) in refusal(Folder(folder.settings("preprocessor_config.json", change)))
