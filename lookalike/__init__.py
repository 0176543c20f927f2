"""The Python API of Lookalike: publish listings, find similar ones. `docs/python.md` says what is promised of it.

Every other module of the project may change in any release. A name is imported when it is first used.

>>> from lookalike import ListingEvent, SearchOptions
>>> event = ListingEvent(
...     listing_id="m81237", version=1, status="on_sale", title="Canvas sneakers", image_urls=("https://a.example/1.jpg",)
... )
>>> event.status, SearchOptions(k=5, category="fashion/shoes").k
('on_sale', 5)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.listing import ListingEvent
    from schemas.registry import json_schema
    from streams.errors import LookalikeError, NotFound, ServiceUnavailable, UsageError
    from streams.publish import Delivered, Publisher
    from streams.settings import Settings, read_settings
    from workers.milvus.neighbors import Neighbor, SearchOptions
    from workers.operations.search import Answer
    from workers.operations.search import Asker as Searcher

__all__ = [
    "Answer",
    "Delivered",
    "ListingEvent",
    "LookalikeError",
    "Neighbor",
    "NotFound",
    "Publisher",
    "SearchOptions",
    "Searcher",
    "ServiceUnavailable",
    "Settings",
    "UsageError",
    "json_schema",
    "read_settings",
]

_DEFINED = {
    "Answer": "workers.operations.search:Answer",
    "Delivered": "streams.publish:Delivered",
    "ListingEvent": "schemas.listing:ListingEvent",
    "LookalikeError": "streams.errors:LookalikeError",
    "Neighbor": "workers.milvus.neighbors:Neighbor",
    "NotFound": "streams.errors:NotFound",
    "Publisher": "streams.publish:Publisher",
    "SearchOptions": "workers.milvus.neighbors:SearchOptions",
    "Searcher": "workers.operations.search:Asker",
    "ServiceUnavailable": "streams.errors:ServiceUnavailable",
    "Settings": "streams.settings:Settings",
    "UsageError": "streams.errors:UsageError",
    "json_schema": "schemas.registry:json_schema",
    "read_settings": "streams.settings:read_settings",
}
"""Where each name is defined; pymilvus takes a second to import, which a publisher need not wait for."""


if not TYPE_CHECKING:  # or a name that does not exist would have any type

    def __getattr__(name: str) -> Any:
        if name not in _DEFINED:
            raise AttributeError(f"module 'lookalike' has no attribute {name!r}; docs/python.md lists what it has")
        module, _, attribute = _DEFINED[name].partition(":")
        found = getattr(import_module(module), attribute)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
