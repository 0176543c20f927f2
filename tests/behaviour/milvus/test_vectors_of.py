"""Looking back: vectors of many listings by id, and what a model lists near them."""

import numpy as np
import pytest
from pymilvus import MilvusClient

from rows import row
from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.milvus.collection import prepare
from workers.milvus.model_vectors import Model, models_of
from workers.milvus.store import READ_BATCH, Store

ONE, OTHER = "one@0123456789ab", "other@0123456789ab"
COUNT = READ_BATCH + 100


@pytest.fixture(scope="module")
def model(server: Settings, client: MilvusClient) -> Model:
    """One whose rows lie on a quarter of a circle, in the order of their numbers; every tenth is sold."""
    settings = server.model_copy(update={"prefix": "looking_back_"})
    store = Store(client, prepare(client, settings, ONE, 4))
    angles = np.linspace(0, np.pi / 2, COUNT)
    vectors = np.stack((np.cos(angles), np.sin(angles), 0 * angles, 0 * angles), axis=1)
    status = ["sold_out" if number % 10 == 0 else "on_sale" for number in range(COUNT)]
    rows = [row(f"back-{n}", vectors[n].tolist(), status=status[n]) for n in range(COUNT)]
    assert not store.upsert(rows)
    store.known(["back-0"])  # read Strong: a bounded read may be behind the write
    (found,) = models_of(client, settings, [ONE])
    return found


def test_vectors_by_id(model: Model) -> None:
    """More than one filter has room for; what has no row is left out; each vector is that of its id."""
    wanted = ["nobody", *(f"back-{number}" for number in range(COUNT))]
    ids, vectors = model.vectors_of(wanted)
    assert sorted(ids) == sorted(wanted[1:])
    angles = np.arctan2(vectors[:, 1], vectors[:, 0]) / (np.pi / 2) * (COUNT - 1)
    assert np.allclose(angles, [int(each.removeprefix("back-")) for each in ids], atol=1e-2)
    assert model.vectors_of(["nobody"])[0] == []


def test_what_it_lists(model: Model) -> None:
    """Nearest first, itself among them, whatever the status; as many lists as vectors, more than one call takes."""
    numbers = list(range(0, COUNT, 5))
    ids, vectors = model.vectors_of([f"back-{number}" for number in numbers])
    lists = list(model.nearest(vectors, 5))
    assert len(lists) == len(ids)
    for own, found in zip(ids, lists, strict=True):
        number = int(own.removeprefix("back-"))
        assert found[0] == own
        assert len(found) == 5
        assert all(abs(int(each.removeprefix("back-")) - number) <= 5 for each in found)


def test_models_by_name(server: Settings, client: MilvusClient, settings: Settings) -> None:
    """In the order named, the live one where none is; of one that there is not the error names the others."""
    with pytest.raises(UsageError, match="`lookalike worker index` fills the first one"):
        models_of(client, settings, [])
    for each in (ONE, OTHER):
        prepare(client, settings, each, 4)
    assert [each.model_id for each in models_of(client, settings, [OTHER, ONE])] == [OTHER, ONE]
    assert [each.model_id for each in models_of(client, settings, [])] == [ONE]
    with pytest.raises(LookalikeError, match=f"no collection of none@1 in Milvus; there are those of {ONE}, {OTHER}"):
        models_of(client, settings, [ONE, "none@1"])
