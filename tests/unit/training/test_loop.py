"""The schedule, the ring of stored views, and a training that learns what a stand-in for the teachers says."""

from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from workers.training.loop import Progress, StoredViews, Trainer, rate, save_checkpoint, train
from workers.training.pictures import Pictures
from workers.training.small_siglip import SIDE, build
from workers.training.tokenizer import learn
from workers.training.training_set import COLOURS, FEATURES, Plan, make_texts, sayings

CPU = torch.device("cpu")


class Blocks:
    """Stands in for the networks, which take seconds a batch here: the colours of 14 × 14 blocks of a view."""

    def tensor_features(self, pixels: Tensor, /) -> Tensor:
        """Features (N, 588)."""
        return torch.nn.functional.avg_pool2d(pixels, 16).flatten(1)


def some_pictures() -> Pictures:
    """Six cut-outs, two of them without a text, and two photos, all of noise."""
    chance = Generator().manual_seed(0)
    return Pictures(
        cutouts=torch.randint(256, (6, 4, 224, 224), generator=chance, dtype=torch.uint8),
        aspects=torch.tensor([1.0, 2.0, 0.5, 1.0, 1.5, 1.0]),
        weights=torch.full((6,), 1 / 6),
        photos=torch.randint(256, (2, 3, 384, 384), generator=chance, dtype=torch.uint8),
        texts=["red apple", "green apple", "blue car", "old car", "", ""],
        folders=["fruit", "fruit", "cars", "cars", "", ""],
    )


@pytest.fixture
def trainer() -> Trainer:
    """A training of six pictures."""
    pictures, plan = some_pictures(), Plan(minutes=1e-6, batch=8, fresh=2, stored=300, sample=260, warm_up=1)
    tokenizer = learn(["red apple", "green apple", "blue car", "old car", "fruit", "cars"] * 20, pieces=60)
    texts = make_texts(pictures.texts, pictures.folders, tokenizer, CPU)
    return Trainer(tokenizer.vocab_size, pictures, texts, Blocks(), plan)


def test_rate_rises_then_falls_to_nothing_with_the_minutes() -> None:
    """A tenth of the warm-up gives a tenth of the rate; half-way the cosine is at a half; at the end at 0."""
    plan = Plan(minutes=10, rate=1e-3, warm_up=100)
    assert rate(plan, Progress(steps=9, seconds=0)) == pytest.approx(1e-4)
    assert rate(plan, Progress(steps=500, seconds=300)) == pytest.approx(0.5e-3)
    assert rate(plan, Progress(steps=900, seconds=700)) == pytest.approx(0)


def test_stored_views_replace_the_oldest() -> None:
    """A ring of five takes two times three views: the sixth lies where the first was, the others where they were."""
    views = StoredViews.make(5, CPU)
    for first in (0, 3):
        numbers = torch.arange(first, first + 3)
        pixels = numbers.to(torch.uint8)[:, None, None, None].expand(3, 3, SIDE, SIDE)
        views.add(pixels, torch.zeros(3, FEATURES + COLOURS), numbers)
    assert views.titled.tolist() == [5, 1, 2, 3, 4]
    assert set(views.sample(200, Generator().manual_seed(0)).tolist()) == set(range(5))


def test_a_picture_is_said_in_three_ways() -> None:
    """Its title, title and folder, and folder; what is missing is left out."""
    assert sayings("red apple", "fruit") == ("red apple", "red apple fruit", "fruit")
    assert sayings("red apple", "") == ("red apple", "red apple", "red apple")


def test_training_writes_averaged_weights_that_the_model_takes(trainer: Trainer, tmp_path: Path) -> None:
    """After a step the weights have moved, their average is between, and the file loads into a fresh model."""
    before = trainer.student.model.logit_bias.clone()
    train(trainer, tmp_path / "small.pt")
    state = torch.load(tmp_path / "small.pt", weights_only=True)
    assert state["steps"] == trainer.progress.steps == 1
    moved = trainer.student.model.logit_bias - before
    assert 0 < abs(state["model"]["logit_bias"] - before) < abs(moved)
    embedding = next(one for name, one in state["model"].items() if name.endswith("token_embedding.weight"))
    build(len(embedding)).load_state_dict(state["model"])


def test_loss_falls_on_views_that_are_seen_again(trainer: Trainer) -> None:
    """Eight steps on the same few views bring the direction loss down: gradients reach the image tower."""
    trainer.prepare()
    losses = [trainer.step()[0].item() for _ in range(8)]
    assert losses[-1] < losses[0]


def test_checkpoint_is_replaced_whole(trainer: Trainer, tmp_path: Path) -> None:
    """A second checkpoint takes the place of the first, and nothing else is left in the folder."""
    for _ in range(2):
        save_checkpoint(trainer, tmp_path / "small.pt")
    assert [file.name for file in tmp_path.iterdir()] == ["small.pt"]
