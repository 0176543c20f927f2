"""The live model changes, while a server runs, to a collection that another encoder filled."""

import json
import shutil
from pathlib import Path

import pytest

from another_encoder import FIGURES, fingerprint_of_another
from awaiting import eventually
from behaviour.server.conftest import Shop, rows_of
from serving import Server, server, stocked
from workers.milvus.client import connect
from workers.milvus.fingerprints import ensure_fingerprint
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED, read_recipe


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """The bundled model under another name: another model id."""
    folder = Path(shutil.copytree(BUNDLED, tmp_path / "renamed"))
    recipe = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps({**recipe, "name": "renamed"}))
    return folder


def test_another_encoder_filled_it(
    market: Shop, encoder: SiglipEncoder, vectors: list[list[float]], renamed: Path
) -> None:
    """Pictures and texts are refused and the log has the figures; listings are answered; swapped back, all is."""
    settings, model_id = market.settings, read_recipe(renamed).model_id
    other = stocked(settings, model_id, encoder.dimensions, rows_of(vectors))
    client, alias = connect(settings), settings.named("listings")
    ensure_fingerprint(client, settings, other, fingerprint_of_another())
    with server(settings, "--model", str(renamed)) as running:
        assert _asked(running) == 200
        try:
            client.alter_alias(other.listings, alias)
            eventually(lambda: running.health()["model"] == model_id, "the swap is seen", seconds=15)
            assert _asked(running) == 503
            assert running.similar("m1")["model"] == model_id
            _is_told(running)
        finally:
            client.alter_alias(market.collections.listings, alias)
            client.close()
        eventually(lambda: running.health()["encodes"], "the swap back is seen", seconds=15)
        assert _asked(running) == 200


def _asked(running: Server) -> int:
    answer = running.client.post("/v1/similar", json={"text": "red"})
    if answer.status_code == 503:
        assert answer.json()["reason"] == "later"
        assert "is not the one that filled the collection" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code


def _is_told(running: Server) -> None:
    health = running.health()
    assert (health["state"], health["encodes"]) == ("degraded", False)
    assert FIGURES.search(health["why"][0])
    said = [line for line in running.log().splitlines() if "not_encoding" in line]
    assert len(said) == 1
    assert FIGURES.search(said[0])
