"""Which model's collections `lookalike audit` and `lookalike refetch` look at."""

from typing import TYPE_CHECKING

from streams.errors import LookalikeError, UsageError
from streams.settings import Settings

if TYPE_CHECKING:
    from workers.operations.audit.sources import Subject


def audit_subject(settings: Settings, model: str | None) -> "Subject":
    """The collections and the consumer group of the live model, or of the model `model`.

    Raises LookalikeError if nothing is indexed yet, UsageError for a model that has no collection.
    """
    from streams.groups import index_group
    from workers.milvus.client import connect
    from workers.milvus.collection import collection_names, exists, live
    from workers.milvus.store import Store
    from workers.operations.audit.sources import Subject

    client = connect(settings)
    found = live(client, settings) if model is None else collection_names(settings, model)
    if found is None:
        raise LookalikeError("nothing is indexed yet; start a worker with `lookalike worker index`")
    if model is not None and not exists(client, found):
        raise UsageError(f"there is no collection {found.listings}; a model id is name@hash12")
    hash12 = found.model_id.rpartition("@")[2]
    return Subject(settings, Store(client, found), index_group(settings, hash12))
