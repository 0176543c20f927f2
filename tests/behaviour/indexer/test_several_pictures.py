"""A recipe that takes several pictures of a listing: all that it takes must be good, and no other is fetched."""

import contextlib
import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from catalogue import Catalogue, catalogue
from pictures import jpeg
from program import index_worker
from schemas.model import Recipe
from streams.settings import Settings
from web import Web
from workers.models.folder import BUNDLED, read_recipe


@contextlib.contextmanager
def _catalogue_of(recipe: Recipe, stack: Settings, web: Web, folders: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue of the bundled model under another recipe, and an index worker on it."""
    folder = folders.mktemp("models") / recipe.name
    shutil.copytree(BUNDLED, folder)
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    with (
        catalogue(stack, folders.mktemp(recipe.name), model=str(folder), image_hosts=("*", web.host)) as made,
        index_worker(made.settings, "--device", "cpu") as running,
    ):
        yield made
        made.every_event_has_its_end()
        assert running.terminate() == 0, running.log()


@pytest.fixture(scope="module")
def pairs(stack: Settings, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue whose model takes the mean of the first two pictures."""
    recipe = read_recipe(BUNDLED).model_copy(update={"images": 2, "name": "pairs"})
    with _catalogue_of(recipe, stack, web, tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def first_good(stack: Settings, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """One whose model takes the first good one of three."""
    recipe = read_recipe(BUNDLED).model_copy(update={"images": 3, "several": "first_good", "name": "first_good"})
    with _catalogue_of(recipe, stack, web, tmp_path_factory) as made:
        yield made


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


def test_the_first_good_one(first_good: Catalogue, web: Web) -> None:
    """Missing, refused and damaged ones are passed over; what follows a good one is never asked for."""
    plain = vector(first_good, first_good.picture(8))
    damaged = web.serve("/damaged-before.jpg", jpeg(5)[:400])
    urls = [web.url("/missing-before.jpg"), damaged, first_good.picture(8), web.url("/beyond-three.jpg")]
    assert np.allclose(vector(first_good, *urls), plain)
    urls = ["ftp://nowhere/a.jpg", first_good.picture(8), web.url("/after-a-good-one.jpg")]
    assert np.allclose(vector(first_good, *urls), plain)
    assert not web.asked["/after-a-good-one.jpg"]
    assert not web.asked["/beyond-three.jpg"]


def test_none_is_good(first_good: Catalogue, web: Web) -> None:
    """The letter says of how many, and names the last; what is not there yet is looked for again before that."""
    damaged = [web.serve(f"/damaged-{number}-of-3.jpg", jpeg(5)[:400]) for number in range(3)]
    letter, _ = first_good.letter_of(first_good.publish(first_good.event(first_good.new_id(), 1, image_urls=damaged)))
    assert letter.reason == "image-undecodable"
    assert "none of 3 pictures is good" in letter.error
    assert damaged[2] in letter.error
    urls = [web.url("/missing-first-of-2.jpg"), damaged[0]]
    letter, _ = first_good.letter_of(first_good.publish(first_good.event(first_good.new_id(), 1, image_urls=urls)))
    assert (letter.reason, urls[0] in letter.error) == ("image-missing", True)
    assert web.asked["/missing-first-of-2.jpg"] > 1
