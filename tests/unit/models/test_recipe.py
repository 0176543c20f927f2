"""The recipe and its hash, what a model folder must be, and vectors that never reach Milvus."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from schemas.model import Recipe, collection_suffix, model_id_of, model_name
from streams.errors import BadMessage, UsageError
from workers.indexer.batch_encoding import pool
from workers.models.folder import BUNDLED, find_model, hash_weights, read_recipe

PINNED = Recipe(
    name="base",
    weights="ab" * 32,
    height=256,
    width=256,
    resample=3,
    rescale=1 / 255,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)


def test_the_hash_of_a_pinned_recipe() -> None:
    """Stays what it is: a change here would make every collection of today another model's."""
    assert PINNED.model_id == "base@c6bca029e71f"


class Later(Recipe):
    """The recipe of a later release: with a field more, whose default means what was always done."""

    colour: str = "as stored"
    crop: tuple[int, int] | None = None


def test_a_field_added_later_changes_no_id() -> None:
    """With its default it is not in the hash; with another value it is."""
    later = Later(**PINNED.model_dump())
    assert later.hash12 == PINNED.hash12
    assert (
        len(
            {
                each.hash12
                for each in (
                    later,
                    later.model_copy(update={"colour": "srgb"}),
                    later.model_copy(update={"crop": (1, 2)}),
                )
            }
        )
        == 3
    )


def test_the_id_of_the_bundled_model() -> None:
    """Is pinned: collections are named by it, so it may change with the model only."""
    assert read_recipe(BUNDLED).model_id == "lookalike_small@61b547a907d8"


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "cd" * 32},
        {"height": 224},
        {"width": 224},
        {"resample": 2},
        {"rescale": 1.0},
        {"mean": (0, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.6)},
        {"decode": "full"},
        {"images": 2},
        {"config": {"vision_config.hidden_act": "relu"}},
        {"tokenizer": "cd" * 32},
        {"texts": "titles"},
        {"profiles": "srgb"},
        {"several": "first_good"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_a_vector_is_in_the_hash(change: dict[str, Any]) -> None:
    """Each field alone."""
    assert PINNED.model_copy(update=change).hash12 != PINNED.hash12


def test_the_name_is_not_in_the_hash() -> None:
    """It is there for people."""
    assert PINNED.model_copy(update={"name": "other"}).hash12 == PINNED.hash12


def test_every_field_is_tried_above() -> None:
    """A new field of the recipe must be thought of."""
    assert set(Recipe.model_fields) == {
        "name",
        "weights",
        "height",
        "width",
        "resample",
        "rescale",
        "mean",
        "std",
        "decode",
        "images",
        "quantisation",
        "reducer",
        "config",
        "tokenizer",
        "texts",
        "profiles",
        "several",
    }


@pytest.mark.parametrize("name", ["siglip2-base-patch16-256", "org.model v1", "ünï", "---", "", "a" * 90, "a__b"])
def test_names_and_ids(name: str) -> None:
    """Any folder's name becomes one that Milvus takes, and the model id can be told from the collection's name."""
    recipe = PINNED.model_copy(update={"name": model_name(name)})
    assert Recipe.model_validate(recipe.model_dump()) == recipe
    assert model_id_of(collection_suffix(recipe.model_id)) == recipe.model_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model without its weights' bytes."""
    for file in BUNDLED.glob("*config*.json"):
        shutil.copy(file, tmp_path)
    weights(tmp_path, 0.0)
    return tmp_path


def weights(folder: Path, value: float) -> None:
    """One tensor of one number, as safetensors writes it."""
    (folder / "model.safetensors").write_bytes(save({"one": np.array([value], np.float32)}))


def config(folder: Path, **fields: object) -> None:
    """Change the model's config."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def refusal(folder: Path) -> str:
    """Why a folder is refused: one line, exit status 2."""
    with pytest.raises(UsageError) as failed:
        read_recipe(folder)
    assert "\n" not in str(failed.value)
    return str(failed.value)


def test_the_bundled_model() -> None:
    """Has a recipe, and its weights are the ones that the recipe names."""
    recipe = read_recipe(find_model(""))
    assert recipe.weights == hash_weights(BUNDLED)
    assert (recipe.name, recipe.decode) == ("lookalike_small", "draft")


def test_a_folder(folder: Path) -> None:
    """Is enough: the recipe follows from its processor's settings; a recipe.json that agrees is taken as it is."""
    recipe = read_recipe(folder)
    assert recipe.weights == hash_weights(folder)
    (folder / "recipe.json").write_text(recipe.model_copy(update={"name": "mine", "images": 3}).model_dump_json())
    assert (read_recipe(folder).name, read_recipe(folder).images) == ("mine", 3)


def test_weights_that_are_not_those_of_the_recipe(folder: Path) -> None:
    """Are refused: their vectors would go into another model's collection."""
    (folder / "recipe.json").write_text(read_recipe(folder).model_dump_json())
    weights(folder, 1.0)
    assert "weights are not those" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"])
def test_pickled_weights(folder: Path, name: str) -> None:
    """Can run code: they are never loaded."""
    (folder / "model.safetensors").rename(folder / name)
    assert name in refusal(folder)
    assert "pickled" in refusal(folder)


def test_no_weights(folder: Path) -> None:
    """Is said as that."""
    (folder / "model.safetensors").unlink()
    assert "no weights" in refusal(folder)


def test_code_of_its_own(folder: Path) -> None:
    """`auto_map` asks for remote code: never."""
    config(folder, auto_map={"AutoModel": "modeling.Model"})
    assert "code of its own" in refusal(folder)


@pytest.mark.parametrize(("kind", "words"), [("siglip2", "fixed-size checkpoint"), ("clip", "'clip'"), (None, "None")])
def test_other_models(folder: Path, kind: str | None, words: str) -> None:
    """NaFlex SigLIP 2 gets its own line, with what to use instead."""
    config(folder, model_type=kind)
    assert words in refusal(folder)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("config.json", None, "config.json is missing"),
        ("preprocessor_config.json", None, "preprocessor_config.json is missing"),
        ("config.json", "{", "is not JSON"),
        ("preprocessor_config.json", "{}", "size is None"),
        (
            "preprocessor_config.json",
            '{"size": {"height": 0, "width": 1}, "image_mean": [], "image_std": []}',
            "a height and a width",
        ),
        ("recipe.json", "{}", "make no recipe"),
        ("recipe.json", "{", "is not JSON"),
    ],
)
def test_broken_folders(folder: Path, file: str, text: str | None, words: str) -> None:
    """Say which file is wrong."""
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    assert words in refusal(folder)


@pytest.mark.parametrize("model", ["/no/such/folder", "org/name", "a b", "org/name@"])
def test_what_names_no_model(model: str) -> None:
    """Neither a folder nor a hub id with a pinned revision."""
    with pytest.raises(UsageError):
        find_model(model)


def test_pool() -> None:
    """The mean of unit vectors, scaled to length 1."""
    assert pool(list(np.array([[1, 0], [0, 1]], np.float32))) == pytest.approx([0.5**0.5] * 2)
    assert pool([np.array([0, 1], np.float32)]).dtype == np.float32


@pytest.mark.parametrize("vectors", [[[np.nan, 1]], [[np.inf, 0]], [[0, 0]], [[1, 0], [-1, 0]], [[1, 0], [np.nan, 0]]])
def test_vectors_that_are_none(vectors: list[list[float]]) -> None:
    """NaN, infinity and length 0 never reach Milvus: the message is bad."""
    with pytest.raises(BadMessage) as bad:
        pool(list(np.array(vectors, np.float32)))
    assert bad.value.reason == "encode"
