"""A collection that another encoder filled, under the same model id: whatever encodes stops, with both figures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from another_encoder import FIGURES, fingerprint_of_another
from catalogue import Catalogue, catalogue
from model_folders import Folder
from pictures import jpeg
from program import IndexWorker, document, failed, index_worker, run
from rows import row
from schemas.fingerprint import cosine
from serving import stocked
from streams.settings import Settings
from workers.milvus.fingerprints import ensure_fingerprint, read_fingerprint
from workers.models.folder import BUNDLED


@pytest.fixture(scope="module")
def foreign(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A listing in a collection of another encoder."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures")) as made:
        theirs = fingerprint_of_another()
        things = [row(f"m{n}", [1.0, n / 10, *[0.0] * (len(theirs.picture) - 2)]) for n in range(3)]
        collections = stocked(made.settings, made.model_id, len(theirs.picture), things)
        ensure_fingerprint(made.client, made.settings, collections, theirs)
        yield made


def test_a_worker_of_another_encoder(foreign: Catalogue) -> None:
    """Ends with exit status 2 before it reads an event; what is kept stays."""
    before = read_fingerprint(foreign.client, foreign.settings, foreign.model_id)
    worker = IndexWorker(foreign.settings, "--device", "cpu")
    try:
        assert worker.process.wait(120) == 2, worker.log()
        _both_figures(worker.log().strip().splitlines()[-1], foreign)
        assert "Traceback" not in worker.log()
        assert not worker.ready_file.exists()
    finally:
        worker.close()
    after = read_fingerprint(foreign.client, foreign.settings, foreign.model_id)
    assert before is not None
    assert after is not None
    assert cosine(before.picture, after.picture) == pytest.approx(1)


def test_neighbors_of_another_encoder(foreign: Catalogue, tmp_path: Path) -> None:
    """A picture and a text have no place there; a listing has, as its vector is stored."""
    (tmp_path / "shoe.jpg").write_bytes(jpeg(1))
    for question in (("--text", "a red shoe"), ("--image", str(tmp_path / "shoe.jpg"))):
        _both_figures(failed(run(foreign.settings, "neighbors", *question), 2), foreign)
    found = run(foreign.settings, "neighbors", "m0")
    assert (found.returncode, found.stdout.count("\n")) == (0, 3), found.stderr


def test_a_server_of_another_encoder(foreign: Catalogue) -> None:
    """Does not start."""
    _both_figures(failed(run(foreign.settings, "serve", "--port", "0", "--device", "cpu"), 2), foreign)


def test_a_collection_without_a_fingerprint(stack: Settings, tmp_path: Path) -> None:
    """Of an earlier release: queries are answered, and the first worker keeps its own."""
    with catalogue(stack, tmp_path) as own:
        stocked(own.settings, own.model_id, 192, [row("m0", [1.0] * 192)])
        assert run(own.settings, "neighbors", "--text", "a red shoe").returncode == 0
        assert read_fingerprint(own.client, own.settings, own.model_id) is None
        with index_worker(own.settings, "--device", "cpu"):
            found = read_fingerprint(own.client, own.settings, own.model_id)
        assert found is not None
        assert found.text is not None
        assert run(own.settings, "neighbors", "--text", "a red shoe").returncode == 0


def test_a_model_without_a_text_tower(stack: Settings, tmp_path: Path) -> None:
    """Pictures are indexed and found by it; a text is refused in words."""
    folder = Folder(Path(shutil.copytree(BUNDLED, tmp_path / "pictures_alone")))
    folder.weights(lambda t: {name: each for name, each in t.items() if not name.startswith("text_model.")})
    (folder.path / "recipe.json").unlink()  # it names the weights with their text tower
    (tmp_path / "shoe.jpg").write_bytes(jpeg(1))
    with (
        catalogue(stack, tmp_path, model=str(folder.path)) as own,
        index_worker(own.settings, "--device", "cpu"),
    ):
        own.index(own.event("m0", 1, image_urls=[own.picture(1)]))
        found = document(run(own.settings, "neighbors", "--image", str(tmp_path / "shoe.jpg"), "--json"))
        assert [(each["listing_id"], each["score"] > 0.99) for each in found["neighbors"]] == [("m0", True)]
        line = failed(run(own.settings, "neighbors", "--text", "a red shoe"), 2)
        assert "has no text tower: it takes pictures and listings only" in line


def _both_figures(line: str, foreign: Catalogue) -> None:
    assert line.startswith("lookalike: ")
    assert FIGURES.search(line), line
    assert all(each in line for each in (foreign.model_id, "go back to", "index anew")), line
