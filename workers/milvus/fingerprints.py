"""The fingerprint of a model, kept beside its collections: written once, and compared by whoever encodes.

It has a small collection of its own: Milvus 2.3 forgets an altered property of a collection when it restarts.
"""

from functools import partial

import numpy as np
from pymilvus import DataType, MilvusClient

from schemas.fingerprint import Fingerprint, difference
from streams.errors import CollectionGone, UsageError
from streams.settings import Settings
from workers.milvus.client import TIMEOUT_SECONDS, read, translate_errors
from workers.milvus.collection import Collections, create, empty_schema, fingerprint_collection
from workers.milvus.row import VECTOR_FIELD
from workers.milvus.store import STRONG

REMEDY = (
    "go back to the releases (Lookalike, torch, transformers, Pillow) that filled it, or drop the collection and index "
    "anew"
)
_KIND, _PICTURE, _TEXT = "kind", "picture", "text"


def read_fingerprint(
    client: MilvusClient,
    settings: Settings,
    model_id: str,
    *,
    consistency: str = STRONG,
    timeout: float = TIMEOUT_SECONDS,
) -> Fingerprint | None:
    """What the worker that filled the model's collection computed; None if that was before there were fingerprints.

    Raises SlowDown where Milvus is away.
    """
    name = fingerprint_collection(settings, model_id)
    with translate_errors():
        if not client.has_collection(name, timeout=timeout):
            return None
    ask = partial(
        client.query,
        name,
        f'{_KIND} in ["{_PICTURE}", "{_TEXT}"]',
        output_fields=[_KIND, VECTOR_FIELD],
        consistency_level=consistency,
        timeout=timeout,
    )
    try:
        rows = read(client, name, ask)
    except CollectionGone:  # it was dropped a moment ago, with the collection
        return None
    found = {row[_KIND]: np.asarray(row[VECTOR_FIELD], np.float32) for row in rows}
    return Fingerprint(found[_PICTURE], found.get(_TEXT)) if _PICTURE in found else None


def ensure_fingerprint(
    client: MilvusClient, settings: Settings, collections: Collections, computed: Fingerprint
) -> None:
    """Compare with what is kept; where nothing is, keep this one, and see what another worker kept meanwhile.

    Raises UsageError with both cosines if this encoder is another, SlowDown where Milvus is away.
    """
    before = read_fingerprint(client, settings, collections.model_id)
    if before is None:
        _keep(client, fingerprint_collection(settings, collections.model_id), computed)
        before = read_fingerprint(client, settings, collections.model_id) or computed
    require_same(collections, before, computed)


def require_same(collections: Collections, before: Fingerprint | None, computed: Fingerprint) -> None:
    """Raise UsageError with both cosines if this encoder is not the one that filled the collection.

    Without a fingerprint from before nothing is known; the next worker keeps one.
    """
    if before is not None and (problem := difference(before, computed)):
        raise UsageError(
            f"this {collections.model_id} gives other vectors than the one that filled {collections.listings}: "
            f"{problem}; {REMEDY}",
        )


def _keep(client: MilvusClient, name: str, computed: Fingerprint) -> None:
    schema = empty_schema()
    schema.add_field(_KIND, DataType.VARCHAR, is_primary=True, max_length=16)
    schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=len(computed.picture))
    create(client, name, schema, VECTOR_FIELD)
    vectors = {_PICTURE: computed.picture, _TEXT: computed.text}
    rows = [{_KIND: kind, VECTOR_FIELD: each.tolist()} for kind, each in vectors.items() if each is not None]
    with translate_errors():
        client.upsert(name, rows, timeout=TIMEOUT_SECONDS)
