"""A recipe that takes several pictures of a listing: all that it takes must be good, and no other is fetched."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from catalogue import Catalogue, catalogue
from pictures import jpeg
from program import index_worker
from streams.settings import Settings
from web import Web
from workers.models.folder import BUNDLED, read_recipe


@pytest.fixture(scope="module")
def pairs(stack: Settings, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue whose model takes the mean of the first two pictures, and an index worker on it."""
    folder = tmp_path_factory.mktemp("models") / "pairs"
    shutil.copytree(BUNDLED, folder)
    (folder / "recipe.json").unlink()
    recipe = read_recipe(folder, images=2, name="pairs")
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    with (
        catalogue(stack, tmp_path_factory.mktemp("paired"), model=str(folder), image_hosts=("*", web.host)) as made,
        index_worker(made.settings, "--device", "cpu") as running,
    ):
        yield made
        made.every_event_has_its_end()
        assert running.terminate() == 0, running.log()


def vector(shop: Catalogue, *urls: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """What is stored of a listing with these pictures."""
    return np.array(shop.index(shop.event(shop.new_id(), 1, image_urls=list(urls)))["embedding"], float)


def test_the_mean_of_those_that_it_takes(pairs: Catalogue) -> None:
    """In their order and of length 1; with a single picture, that one."""
    first, second = (vector(pairs, pairs.picture(seed)) for seed in (1, 2))
    both = vector(pairs, pairs.picture(1), pairs.picture(2))
    mean = (first + second) / np.linalg.norm(first + second)
    assert np.allclose(both, mean, atol=1e-3)


@pytest.mark.parametrize("bad", [0, 1])
def test_one_bad_picture_of_those_that_it_takes(pairs: Catalogue, web: Web, bad: int) -> None:
    """Refuses the event, whichever it is; the letter says why and names the address."""
    urls = [pairs.picture(3), pairs.picture(4)]
    urls[bad] = web.serve(f"/half-of-a-pair-{bad}.jpg", jpeg(5)[:400])
    event = pairs.event(pairs.new_id(), 1, image_urls=urls)
    source = pairs.publish(event)
    letter, _ = pairs.letter_of(source)
    assert letter.reason == "image-undecodable"
    assert urls[bad] in letter.error
    assert pairs.outcome_of(source).outcome == "refused"
    assert pairs.known(event["listing_id"]).row is None


def test_one_bad_picture_beyond_those(pairs: Catalogue, web: Web) -> None:
    """Is never asked for."""
    pair = [pairs.picture(6), pairs.picture(7)]
    assert np.allclose(vector(pairs, *pair, web.url("/never-asked-for.jpg")), vector(pairs, *pair))
    assert not web.asked["/never-asked-for.jpg"]
