"""What serving asks of Milvus: each call with a short time to answer in, and never read Strong.

A Strong read waits for the server's next tick, 200 ms and more on Milvus 2.3. A bounded one is up to five seconds
behind a write, as every search is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.fingerprint import Fingerprint
from streams.errors import BadMessage, SlowDown
from streams.settings import Settings
from workers.milvus.candidates import Candidate, nearest
from workers.milvus.client import as_command_failure, connect
from workers.milvus.collection import Collections, exists, live
from workers.milvus.fingerprints import read_fingerprint
from workers.milvus.neighbors import StoredListing, stored_vector


class Searcher:
    """Asked from any thread. Every method raises SlowDown where Milvus is away, Broken where a collection is gone."""

    def __init__(self, settings: Settings, *, seconds: float) -> None:
        """Connect; raises ServiceUnavailable where no server answers. `seconds` is for any one call."""
        self._settings, self._seconds = settings, seconds
        self._client = connect(settings)

    def live(self) -> Collections | None:
        """The live model's collections; None before there are any."""
        return live(self._client, self._settings, timeout=self._seconds)

    def there(self, collections: Collections) -> bool:
        """Whether a model has its collections; for the start of a command, in whose words it fails."""
        with as_command_failure(self._settings):
            return exists(self._client, collections)

    def fingerprint(self, collections: Collections) -> Fingerprint | None:
        """What the worker that filled these collections computed; None if it kept nothing."""
        with _never_the_visitors():
            return read_fingerprint(
                self._client, self._settings, collections.model_id, consistency="Bounded", timeout=self._seconds
            )

    def row(self, collections: Collections, listing_id: str) -> StoredListing | None:
        """What a query by a listing needs of its row; None where it has none."""
        with _never_the_visitors():
            return stored_vector(
                self._client, collections.listings, listing_id, consistency="Bounded", timeout=self._seconds
            )

    def nearest(
        self, collections: Collections, vector: list[float], expression: str, limit: int, *, vectors: bool
    ) -> list[Candidate]:
        """The rows nearest to `vector`: see `candidates.nearest`."""
        with _never_the_visitors():
            return nearest(
                self._client, collections.listings, vector, expression, limit, vectors=vectors, timeout=self._seconds
            )

    def close(self) -> None:
        """Hang up."""
        self._client.close()


@contextmanager
def _never_the_visitors() -> Iterator[None]:
    """A question that Milvus refuses is our mistake, not the visitor's, whose answer must not carry Milvus' words."""
    try:
        yield
    except BadMessage as refused:
        raise SlowDown(f"Milvus refuses the question: {refused.error}") from refused
