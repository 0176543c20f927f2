"""Query texts are prepared as the texts of the model's training were."""

import json

import numpy as np
import pytest

from model_folders import Folder
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe
from workers.models.texts import preparation_of, prepare
from workers.training.openclipart import title
from workers.training.training_set import sayings

MANY_WAYS = ["red shoe", "a red shoe.", "The red shoe", "RED SHOE!", "red-shoe", "red_shoe", "  red,  shoe 2 "]


def test_however_it_is_typed() -> None:
    """Articles, signs, digits and case make no difference to the bundled model: its training had none of them."""
    encoder = SiglipEncoder(BUNDLED, read_recipe(BUNDLED), device="cpu")
    vectors = encoder.encode_texts(MANY_WAYS)
    assert np.allclose(vectors, vectors[0], atol=1e-6)


@pytest.mark.parametrize("text", ["a", "?", "", "   ", "42", "赤い靴", "x" * 10_000, "\x00", "a\ud800b"])
def test_whatever_is_typed(text: str) -> None:
    """Nothing is left empty that was not, and nothing fails."""
    assert bool(prepare(text, "titles").strip()) == bool(text.strip())


def test_training_and_queries_go_through_one_function() -> None:
    """What a picture is paired with in training is what a query of the same words becomes."""
    assert title("The_Red_Shoe_01") == prepare("the red shoe", "titles") == "red shoe"
    for saying in sayings("A drake.", "the animals"):
        assert saying == prepare(saying, "titles")


def test_what_a_folder_asks_for(folder: Folder) -> None:
    """SigLIP's tokenizer sees to case by itself; Gemma's, which SigLIP 2 has, does not; a folder may say another."""
    assert preparation_of(BUNDLED) == "titles"
    assert preparation_of(folder.path) == "as_typed"
    change = {"tokenizer_class": "GemmaTokenizer"}
    assert preparation_of(folder.settings("tokenizer_config.json", lambda c: c.update(change))) == "lower"
    assert prepare("A Red Shoe.", "lower") == "a red shoe."


def test_a_recipe_decides(folder: Folder) -> None:
    """The operator's `recipe.json` may ask for another preparation: that is another model."""
    found = read_recipe(folder.path)
    recipe = {**found.model_dump(mode="json"), "texts": "titles"}
    (folder.path / "recipe.json").write_text(json.dumps(recipe))
    stated = read_recipe(folder.path)
    assert stated.hash12 != found.hash12
    vectors = SiglipEncoder(folder.path, stated, device="cpu").encode_texts(["red shoe", "the red shoe"])
    assert np.array_equal(vectors[0], vectors[1])
