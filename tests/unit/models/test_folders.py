"""A model is exactly what its folder says, or it is refused: one line, exit status 2."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import SiglipImageProcessorPil, SiglipModel

from model_folders import SIDE, Folder, Tensors
from program import failed, run
from streams.errors import BadMessage, LookalikeError, UsageError
from streams.settings import Settings
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe
from workers.models.texts import hash_tokenizer

PICTURES = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
HEAD = "vision_model.head."


def encoder(folder: Path) -> SiglipEncoder:
    """As a worker makes it."""
    return SiglipEncoder(folder, read_recipe(folder), device="cpu")


def refusal(folder: Path) -> str:
    """Why a worker does not take a folder."""
    with pytest.raises(UsageError) as failed:
        encoder(folder)
    assert "\n" not in str(failed.value)
    assert str(folder) in str(failed.value)
    return str(failed.value)


def test_saved_by_transformers_5(plain: Path, saved_by_five: Path) -> None:
    """A folder with only `processor_config.json` is the same model: same recipe, same vectors."""
    ours, theirs = encoder(plain), encoder(saved_by_five)
    assert ours.recipe.hash12 == theirs.recipe.hash12
    assert np.array_equal(ours.encode(PICTURES), theirs.encode(PICTURES))
    assert np.array_equal(ours.encode_texts(["red shoe"]), theirs.encode_texts(["red shoe"]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: {name: each for name, each in t.items() if not name.startswith(HEAD)}, (HEAD, "missing")),
        (lambda t: {f"module.{name}": each for name, each in t.items()}, ("module.logit_bias", "unexpected")),
        (lambda t: t | {"adapter.weight": torch.zeros(2)}, ("adapter.weight", "unexpected")),
        (lambda t: t | {f"{HEAD}mlp.fc1.bias": torch.zeros(3)}, (f"{HEAD}mlp.fc1.bias", "of another shape")),
        (
            lambda t: {name: each for name, each in t.items() if "text_model.encoder.layers.1" not in name},
            ("text_model.encoder.layers.1", "missing"),
        ),
        (lambda t: {name: each for name, each in t.items() if name != "logit_scale"}, ("logit_scale", "missing")),
        (lambda t: t | {f"{HEAD}probe": torch.full((1, 1, 32), torch.nan)}, (f"{HEAD}probe", "NaN")),
        (lambda t: t | {"logit_scale": torch.tensor([torch.inf])}, ("logit_scale", "infinity")),
        (lambda t: t | {f"{HEAD}mlp.fc1.bias": torch.zeros(64, dtype=torch.int8)}, ("I8", "quantised")),
    ],
    ids=["no-head", "prefix", "one-more", "shape", "half-a-text-tower", "no-scale", "nan", "infinite", "int8"],
)
def test_weights_that_do_not_fit(folder: Folder, change: Callable[[Tensors], Tensors], words: tuple[str, str]) -> None:
    """Nothing is filled at random, and nothing left out in silence: the tensors are named."""
    said = refusal(folder.weights(change))
    assert all(each in said for each in words), said


def test_position_ids(folder: Folder, plain: Path) -> None:
    """Checkpoints of older releases hold them; they are 0, 1, 2, … and decide nothing."""
    ids = {f"{tower}_model.embeddings.position_ids": torch.arange(8)[None] for tower in ("vision", "text")}
    found = encoder(folder.weights(lambda t: t | ids))
    assert np.array_equal(found.encode(PICTURES), encoder(plain).encode(PICTURES))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types(folder: Folder, plain: Path, kind: torch.dtype) -> None:
    """Are taken: their vectors have a cosine of 0.999 or more."""
    found = encoder(folder.weights(lambda t: {name: each.to(kind) for name, each in t.items()}))
    assert (found.encode(PICTURES) * encoder(plain).encode(PICTURES)).sum(axis=1).min() >= 0.999


@pytest.mark.parametrize("logits", [True, False])
def test_without_a_text_tower(folder: Folder, plain: Path, logits: bool) -> None:
    """Pictures are encoded as ever; a text is refused in words."""
    found = encoder(
        folder.weights(
            lambda t: {
                name: each for name, each in t.items() if name.startswith("vision") or (logits and "logit" in name)
            }
        )
    )
    assert np.array_equal(found.encode(PICTURES), encoder(plain).encode(PICTURES))
    with pytest.raises(BadMessage, match="has no text tower"):
        found.encode_texts(["red shoe"])


def test_without_a_tokenizer(folder: Folder) -> None:
    """As without a text tower."""
    (folder.path / "spiece.model").unlink()
    with pytest.raises(BadMessage, match="has no tokenizer"):
        encoder(folder.path).encode_texts(["red shoe"])


@pytest.mark.parametrize("content", [b"", b"no such file", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_damaged_tokenizer(folder: Folder, content: bytes) -> None:
    """Is one line with the remedy, whatever its library says of it."""
    (folder.path / "spiece.model").write_bytes(content)
    with pytest.raises(UsageError, match="tokenizer") as failed:
        encoder(folder.path).encode_texts(["red shoe"])
    assert "\n" not in str(failed.value)


def test_a_tokenizer_of_another_model(folder: Folder) -> None:
    """Pieces that the model has no embedding for are no crash of the device."""
    folder.settings("config.json", lambda c: c["text_config"].update(vocab_size=50))
    name = "text_model.embeddings.token_embedding.weight"
    folder.weights(lambda t: t | {name: t[name][:50]})
    with pytest.raises(LookalikeError, match="more than the model's 50 pieces"):
        encoder(folder.path).encode_texts(["a red shoe on a table"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"", "cut short"),
        (b"<!doctype html><html>", "cut short"),
        (struct.pack("<Q", 1 << 60) + b"{}", "cut short"),
        (struct.pack("<Q", 2) + b"no", "damaged header"),
        (struct.pack("<Q", 20) + b'{"a": {"dtype": 5 }}', "damaged header"),
        (struct.pack("<Q", 20_000) + b"[" * 20_000, "damaged header"),
    ],
    ids=["lfs", "empty", "html", "huge", "no-json", "no-offsets", "deep"],
)
def test_files_that_are_no_weights(folder: Folder, content: bytes, words: str) -> None:
    """What is really there is said, with the remedy."""
    (folder.path / "model.safetensors").write_bytes(content)
    assert words in refusal(folder.path)


@pytest.mark.parametrize("missing", [1, 1_000, 600_000])
def test_truncated_weights(folder: Folder, missing: int) -> None:
    """A download that broke off is found before anything is loaded."""
    file = folder.path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-missing])
    assert "cut short" in refusal(folder.path)


def shards(folder: Folder) -> dict[str, Any]:
    """Split the weights into two files, and return the index of them."""
    tensors = load_file(folder.path / "model.safetensors")
    (folder.path / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {name: f"model-0000{1 + (number % 2)}-of-00002.safetensors" for number, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in names if files[name] == file}, folder.path / file)
    index = {"metadata": {}, "weight_map": files}
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(index))
    return index


def test_shards(folder: Folder, plain: Path) -> None:
    """Weights in several files are taken when they are all there, and only what the index lists."""
    shards(folder)
    assert np.array_equal(encoder(folder.path).encode(PICTURES), encoder(plain).encode(PICTURES))
    second = folder.path / "model-00002-of-00002.safetensors"
    held = load_file(second)
    name = next(iter(held))
    save_file({each: tensor for each, tensor in held.items() if each != name}, second)
    assert name in refusal(folder.path)
    save_file({**held, "logit_bias": torch.zeros(1)}, second)
    assert "both" in refusal(folder.path)
    second.unlink()
    assert f"{second.name} is missing" in refusal(folder.path)


def test_shards_without_their_index_and_strangers(folder: Folder) -> None:
    """Nobody guesses which files are meant."""
    shards(folder)
    index = folder.path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    assert "weight_map" in refusal(folder.path)
    index.unlink()
    assert "neither" in refusal(folder.path)
    (folder.path / "model-00001-of-00002.safetensors").rename(folder.path / "model.safetensors")
    assert "is not among the weights" in refusal(folder.path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["vision_config"].update(num_hidden_layers=3), "layers.2"),
        (lambda c: c["vision_config"].update(hidden_size=64), "another shape"),
        (lambda c: c["vision_config"].update(hidden_act="no such"), "can't load it"),
        (lambda c: c["vision_config"].update(num_attention_heads=5), "can't load it"),
        (lambda c: c["vision_config"].update(layer_norm_eps="small"), "can't load it"),
        (lambda c: c["vision_config"].update(vision_use_head=False), "vision_use_head"),
        (lambda c: c["vision_config"].update(model_type="siglip2_vision_model"), "siglip2_vision_model"),
        (lambda c: c.update(vision_config=[]) or c.update(vision_config=[1]), "not an object"),
        (lambda c: c.update(quantization_config={"bits": 4}), "quantised"),
        (lambda c: c["text_config"].update(auto_map={"a": "b"}), "code of its own"),
    ],
)
def test_configs(folder: Folder, change: Callable[[dict[str, Any]], object], words: str) -> None:
    """A config that is another model's, or that nothing can be made of."""
    assert words in refusal(folder.settings("config.json", change))


def test_an_adapter(folder: Folder) -> None:
    """transformers would load it beside the weights, and no hash would know."""
    (folder.path / "adapter_config.json").write_text("{}")
    assert "merge it" in refusal(folder.path)


@pytest.mark.parametrize(
    "change",
    [{"hidden_act": "relu"}, {"layer_norm_eps": 1e-5}, {"num_attention_heads": 4}, {"a_field_of_tomorrow": 1}],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("tower", ["vision_config", "text_config"])
def test_a_config_that_decides_vectors(folder: Folder, plain: Path, tower: str, change: dict[str, Any]) -> None:
    """Makes another model of the same weights."""
    found = read_recipe(folder.settings("config.json", lambda c: c[tower].update(change)))
    assert found.hash12 != read_recipe(plain).hash12


def test_a_config_that_decides_nothing(folder: Folder, plain: Path) -> None:
    """What transformers writes differently from release to release makes no other model."""

    def change(config: dict[str, Any]) -> None:
        config.update(transformers_version="4.40.0", torch_dtype="float16", initializer_factor=2.0, _name_or_path="x")
        config["vision_config"].update(attention_dropout=0.1, dropout=0.0)
        del config["vision_config"]["layer_norm_eps"], config["text_config"]["hidden_act"]

    assert read_recipe(folder.settings("config.json", change)).hash12 == read_recipe(plain).hash12


@pytest.mark.parametrize("heads", [(1152, 16), (768, 12), (1024, 16), (1536, 16), (192, 3)])
def test_published_shapes(folder: Folder, heads: tuple[int, int]) -> None:
    """The published SigLIPs differ in nothing from themselves: their recipe says nothing of the config."""
    size = {"hidden_size": heads[0], "num_attention_heads": heads[1]}
    for tower in ("vision_config", "text_config"):
        folder.settings("config.json", lambda c, tower=tower: c[tower].update(size))  # type: ignore[misc]
    assert read_recipe(folder.path).config == {}


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"do_normalize": False}, "mean", (0, 0, 0)),
        ({"do_normalize": False}, "std", (1, 1, 1)),
        ({"do_rescale": False}, "rescale", 1),
        ({"rescale_factor": 0.5}, "rescale", 0.5),
        ({"image_mean": 0.25}, "mean", (0.25, 0.25, 0.25)),
        ({"resample": 2}, "resample", 2),
        ({"do_center_crop": None, "do_pad": False, "crop_size": {"height": 1, "width": 1}}, "resample", 2),
    ],
)
def test_a_processor_is_obeyed(folder: Folder, change: dict[str, Any], field: str, value: object) -> None:
    """As transformers reads it."""
    recipe = read_recipe(folder.settings("preprocessor_config.json", lambda c: c.update(change)))
    assert getattr(recipe, field) == (value if "do_pad" not in change else 3)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"do_normalize": False},
        {"do_rescale": False},
        {"image_std": [0.2, 0.3, 0.4]},
        {"image_mean": 0.25},
        {"rescale_factor": 0.01},
        {"do_rescale": False, "do_normalize": False},
    ],
    ids=str,
)
def test_vectors_are_those_of_transformers(folder: Folder, change: dict[str, Any]) -> None:
    """Of the same pixels by the same folder, whichever of the processor's settings it changes."""
    path = folder.settings("preprocessor_config.json", lambda c: c.update(change))
    pixels = SiglipImageProcessorPil.from_pretrained(path)(images=list(PICTURES), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        features = SiglipModel.from_pretrained(path).get_image_features(pixel_values=pixels).pooler_output
    theirs = torch.nn.functional.normalize(features, dim=-1).numpy()
    assert np.abs(encoder(path).encode(PICTURES) - theirs).max() < 1e-5


@pytest.mark.parametrize(
    "change",
    [
        {"do_resize": False},
        {"do_center_crop": True},
        {"do_pad": True},
        {"do_convert_rgb": False},
        {"do_rescale": 1},
        {"do_flip_channel_order": True},
        {"size": 32},
        {"size": {"shortest_edge": 32}},
        {"size": {"height": 48, "width": 48}},
        {"size": {"height": 32, "width": 48}},
        {"size": {"height": True, "width": True}},
        {"resample": 9},
        {"resample": "bicubic"},
        {"rescale_factor": 0},
        {"rescale_factor": float("nan")},
        {"image_std": [0, 0, 0]},
        {"image_std": [0.5, 0.5]},
        {"image_std": [0.5, 0.5, -1]},
        {"image_mean": ["a", 0, 0]},
        {"image_mean": [1, 2, 3, 4]},
        {"image_processor_type": "CLIPImageProcessor"},
        {"image_processor_type": "Siglip2ImageProcessor"},
    ],
    ids=str,
)
def test_a_processor_that_is_not_done_here(folder: Folder, change: dict[str, Any]) -> None:
    """Is refused by the setting's name."""
    said = refusal(folder.settings("preprocessor_config.json", lambda c: c.update(change)))
    assert next(iter(change)) in said


def test_two_processors(folder: Folder, saved_by_five: Path) -> None:
    """Two files that say the same are one; if they differ, nobody guesses which counts."""
    shared = json.loads((saved_by_five / "processor_config.json").read_text())
    (folder.path / "processor_config.json").write_text(json.dumps(shared))
    read_recipe(folder.path)
    folder.settings("processor_config.json", lambda c: c["image_processor"].update(resample=2))
    assert "differ" in refusal(folder.path)


def test_tokenizer_files_are_in_the_recipe(folder: Folder, plain: Path) -> None:
    """Other pieces, or other settings of the tokenizer, make another model; what has no effect does not."""
    ours = read_recipe(plain)
    same = read_recipe(
        folder.settings("tokenizer_config.json", lambda c: c.update(processor_class="X", is_local=False))
    )
    assert same.hash12 == ours.hash12
    cased = read_recipe(folder.settings("tokenizer_config.json", lambda c: c.update(do_lower_case=False)))
    (folder.path / "spiece.model").write_bytes((plain / "spiece.model").read_bytes() + b"\0")
    assert len({ours.hash12, cased.hash12, read_recipe(folder.path).hash12}) == 3


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("config.json", lambda c: c["vision_config"].update(hidden_act="relu"), "says config"),
        ("preprocessor_config.json", lambda c: c.update(do_normalize=False), "says mean"),
        ("tokenizer_config.json", lambda c: c.update(do_lower_case=False), "says tokenizer"),
    ],
)
def test_a_recipe_that_the_files_contradict(
    folder: Folder, file: str, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    """`recipe.json` pins the folder: what was changed since is refused."""
    (folder.path / "recipe.json").write_text(read_recipe(folder.path).model_dump_json())
    encoder(folder.path)
    assert words in refusal(folder.settings(file, change))


def test_the_bundled_tokenizer() -> None:
    """Its recipe names it, and no change of the hash's own rules may move it."""
    pinned = "a1a8490bc335b26f7d37e4b21c29ad9dd8aa485d203f682b54a7c15988fd7d74"
    assert hash_tokenizer(BUNDLED) == read_recipe(BUNDLED).tokenizer == pinned


def test_the_program_refuses_it_in_one_line(folder: Folder, tmp_path: Path) -> None:
    """As an operator sees it, without a traceback."""
    path = folder.weights(lambda t: {name: each for name, each in t.items() if not name.startswith(HEAD)})
    line = failed(run(Settings(data=tmp_path), "models", "recipe", str(path)), 2)
    assert str(path) in line
    assert "missing" in line
