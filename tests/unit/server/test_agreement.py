"""Whether a server's encoder is the one that filled a collection: asked once a minute, and heeded by each query."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from schemas.fingerprint import Fingerprint
from streams.errors import SlowDown
from workers.images.limits import ImageLimits
from workers.milvus.collection import Collections
from workers.server.fingerprint_check import KNOWN_SECONDS, FingerprintCheck
from workers.server.limits import Unavailable
from workers.server.query_encoder import QueryEncoders

ONE, OTHER = (
    Collections(f"{name}@0123456789ab", f"listings_{name}", f"tombstones_{name}") for name in ("one", "other")
)
MINE = Fingerprint(np.asarray([1, 0], np.float32))
THEIRS = Fingerprint(np.asarray([0, 1], np.float32))


class Kept:
    """What Milvus answers, one after the other, and a clock that is moved by hand."""

    def __init__(self, *answers: Fingerprint | SlowDown | None) -> None:
        self.answers, self.now = list(answers), 100.0

    def __call__(self, _collections: Collections) -> Fingerprint | None:
        """The next answer."""
        answer = self.answers.pop(0)
        if isinstance(answer, SlowDown):
            raise answer
        return answer


def test_it_is_believed_for_a_minute() -> None:
    """For each collection; what is away is asked again at once."""
    kept = Kept(MINE, THEIRS, SlowDown("Milvus"), None, THEIRS)
    agreement = FingerprintCheck(kept, lambda: kept.now)
    for _ in range(3):
        assert agreement.problem(ONE, MINE) is None
        assert "cosine 0.0000" in (agreement.problem(OTHER, MINE) or "")
    kept.now += KNOWN_SECONDS
    with pytest.raises(SlowDown):
        agreement.problem(ONE, MINE)
    assert agreement.problem(ONE, MINE) is None  # nothing is kept: there is nothing to differ from
    assert "cosine 0.0000" in (agreement.problem(OTHER, MINE) or "")
    assert kept.answers == []


@pytest.fixture
def encoders() -> Callable[[Kept], QueryEncoders]:
    """A server's encoders with the bundled model."""
    return lambda kept: QueryEncoders(("",), ImageLimits(), FingerprintCheck(kept), device="cpu")


def test_another_encoder_is_not_asked(encoders: Callable[[Kept], QueryEncoders]) -> None:
    """A picture or a text is not encoded by it; the words tell visitors no figures."""
    kept = Kept()
    found = encoders(kept)
    (mine,) = found._by_id.values()
    live = replace(ONE, model_id=mine.recipe.model_id)
    kept.answers = [mine.fingerprint]
    assert found.of(live).text("red")
    kept.answers = [replace(mine.fingerprint, picture=-mine.fingerprint.picture)]
    with pytest.raises(Unavailable, match="is not the one that filled the collection") as refused:
        found.of(replace(live, listings="made_anew"))
    assert "cosine" not in str(refused.value)
    with pytest.raises(Unavailable, match=f"the live model is {OTHER.model_id}"):
        found.of(OTHER)
    assert found.problem(OTHER) == "the live model is not one of this server's"
    found.close()
