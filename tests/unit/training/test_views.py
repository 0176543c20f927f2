"""Augmented views keep their promises, whatever chance brings."""

import io

import pytest
import torch
from PIL import Image
from torch import Generator

from workers.training.pictures import Pictures, pack, read
from workers.training.sources import Source
from workers.training.views import Augmentation, draw

NOTHING = {"photo": 0.0, "collage": 0.0, "mix": 0.0, "recolour": 0.0, "grey": 0.0, "blur": 0.0, "noise": 0.0}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """A red square in a transparent middle, twice as wide as high, and a blue photo; a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    cutout = Image.new("RGBA", (300, 150))
    cutout.paste((255, 0, 0, 255), (100, 50, 200, 100))
    cutout.save(folder / "square.png")
    Image.new("RGB", (600, 600), (0, 0, 255)).save(folder / "photo.png")
    (folder / "broken.png").write_bytes(io.BytesIO(b"no picture").getvalue())
    sources = [
        Source(folder / "square.png", "clipart", "red square", "shapes"),
        Source(folder / "broken.png", "clipart", "broken", "shapes"),
        Source(folder / "photo.png", "photo"),
    ]
    assert pack(sources, folder / "packed.parquet", 1) == 2
    shares = {"clipart": 1.0, "stamp": 0.0, "emoji": 0.0, "photo": 0.0}
    return read([folder / "packed.parquet"], shares, torch.device("cpu"), 1)  # type: ignore[arg-type]  # keys of a literal


def drawn(pictures: Pictures, how: Augmentation, count: int = 24, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and titles of some views."""
    return draw(pictures, count, how, Generator().manual_seed(seed))


def test_packed_pictures_keep_shape_and_text(pictures: Pictures) -> None:
    """What does not decode is left out; the aspect and the texts of the other are kept."""
    assert pictures.aspects.tolist() == [2.0]
    assert (pictures.texts, pictures.folders) == (["red square"], ["shapes"])
    assert (len(pictures.cutouts), len(pictures.photos)) == (1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_view_is_a_square_of_pixels_between_0_and_1(pictures: Pictures, seed: int) -> None:
    """With all changes at once, each view has three bands of 224 × 224 finite numbers."""
    pixels, titled = drawn(pictures, Augmentation(), seed=seed)
    assert pixels.shape == (24, 3, 224, 224)
    assert pixels.isfinite().all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert set(titled.tolist()) <= {-1, 0}


def test_plain_view_is_the_picture_squashed_on_white(pictures: Pictures) -> None:
    """A plain view shows what the index worker will see: white around, red in the middle, the text holds."""
    pixels, titled = drawn(pictures, Augmentation(plain=1))
    assert titled.tolist() == [0] * 24
    assert pixels[:, :, 0, 0].numpy() == pytest.approx(1, abs=0.02)
    assert pixels[0, :, 112, 112].tolist() == pytest.approx([1, 0, 0], abs=0.05)


@pytest.mark.parametrize("change", ["photo", "collage", "mix"])
def test_photos_collages_and_mixtures_have_no_title(pictures: Pictures, change: str) -> None:
    """What shows a photo, or several pictures, is not what a title says."""
    _, titled = drawn(pictures, Augmentation(plain=0, **{**NOTHING, change: 1.0}))
    assert titled.tolist() == [-1] * 24


def test_a_small_part_of_a_picture_has_no_title(pictures: Pictures) -> None:
    """Crops that keep less than 0.6 of the area lose the title, and all others keep it."""
    how = Augmentation(plain=0, crop=1, smallest_part=0.1, **NOTHING)
    _, titled = drawn(pictures, how, count=200)
    assert 0.2 < (titled >= 0).float().mean() < 0.7
    _, titled = drawn(pictures, Augmentation(plain=0, crop=0, **NOTHING))
    assert titled.tolist() == [0] * 24


def test_a_picture_that_is_turned_keeps_its_proportions(pictures: Pictures) -> None:
    """Turned by up to 25 degrees and made smaller, the square covers at most the share it had: nothing is enlarged."""
    how = Augmentation(plain=0, crop=0, rotate=1, compress=0, **NOTHING)
    pixels, _ = drawn(pictures, how, count=50)
    red = ((pixels[:, 0] > 0.9) & (pixels[:, 1:].amax(dim=1) < 0.1)).float().mean(dim=(1, 2))
    assert red.max() < 1 / 9 + 0.01
    assert red.mean() > 0.01


def test_same_seed_same_views(pictures: Pictures) -> None:
    """Views follow from the seed, so that a training can be repeated."""
    first, again = (drawn(pictures, Augmentation(), seed=5)[0] for _ in range(2))
    assert torch.equal(first, again)
