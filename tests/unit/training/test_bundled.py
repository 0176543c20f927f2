"""The bundled model as it is in the repository: it loads, is small, and sees likeness in the demo's pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers.training.colours import histograms
from workers.training.evaluate_model import Model, squash
from workers.training.ranking import ndcg, recall

WORKERS = Path(__file__).parents[3] / "workers"
BUNDLED = WORKERS / "models" / "small"
PICTURES = WORKERS / "demo" / "pictures"


@pytest.fixture(scope="module")
def model() -> Model:
    """The bundled model."""
    return Model.load(BUNDLED)


@pytest.fixture(scope="module")
def shown() -> list[dict[str, str]]:
    """The demo's pictures that no training has seen."""
    with (PICTURES / "sources.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["held_out"] == "true"]


@pytest.fixture(scope="module")
def images(shown: list[dict[str, str]]) -> list[Image.Image]:
    """Those pictures on white."""
    opened = [Image.open(PICTURES / row["picture"]).convert("RGBA") for row in shown]
    return [Image.alpha_composite(Image.new("RGBA", one.size, "white"), one).convert("RGB") for one in opened]


def test_bundled_model_has_at_most_24_megabytes() -> None:
    """All files of the folder together stay within what the repository can bear."""
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) <= 24_000_000


def test_bundled_model_beats_chance_and_colours_on_unseen_pictures(
    model: Model, shown: list[dict[str, str]], images: list[Image.Image]
) -> None:
    """On the demo's held-out pictures its nDCG@5 by folder is above a colour histogram's, and twice that of chance."""
    folders = np.array([row["category"] for row in shown])
    random = np.random.default_rng(0).standard_normal((len(images), 128)).astype(np.float32)
    found, by_colour, by_chance = (
        ndcg(vectors, folders).mean()
        for vectors in (model.picture_vectors(images), histograms(squash(images, 64)), random)
    )
    assert found > by_colour
    assert found > 2 * by_chance


def test_bundled_model_finds_pictures_by_text(
    model: Model, shown: list[dict[str, str]], images: list[Image.Image]
) -> None:
    """Among the demo's held-out pictures a title finds its own among ten clearly more often than chance does."""
    titles = [row["title"] for row in shown]
    own = np.array([[title == other for other in titles] for title in titles])
    found = recall(model.text_vectors(titles), model.picture_vectors(images), own).mean()
    assert found > 2 * 10 / len(titles)
