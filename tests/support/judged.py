"""A small market in which it is known by construction which model is the better one."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pymilvus import MilvusClient

from interactions import action, seen, shelf
from rows import row
from streams.settings import Settings
from workers.milvus.collection import prepare
from workers.milvus.store import Store

GOOD, POOR, LIVE = "good@0123456789ab", "poor@ba9876543210", "live@00000000000a"
SHELVES, WIDTH, CLICKED = 150, 5, 4
UNKNOWN = 10
"""So many of the last shelves are under a listing that the poor model does not have."""
LOST = 8
"""Of so many of the first shelves the good model has lost the item in the last place."""
FIRST = datetime(2024, 3, 9, tzinfo=UTC)
DAYS = 3


def records() -> Iterator[dict[str, Any]]:
    """Shelves over DAYS days, each of a user of its own under a query of its own, clicked at place CLICKED."""
    for number in range(SHELVES):
        at, request = FIRST + number * timedelta(days=DAYS) / SHELVES, f"r{number}"
        items = [{"listing_id": f"i{number}-{place}", "position": place} for place in range(1, WIDTH + 1)]
        category = "toys" if number % 3 else "bags/old"
        shown = {"user": f"{number:064x}", "query": f"q{number}", "category": category, "items": items}
        yield shelf(request, at=at, model=LIVE, drawn="no") | shown
        yield seen(request, at=at, positions=list(range(1, WIDTH + 1)))
        yield action("click", request, at=at + timedelta(seconds=5), listing_id=f"i{number}-{CLICKED}")


def index(client: MilvusClient, settings: Settings) -> None:
    """The rows of both models: to the good one what was clicked is like its query, to the poor one its opposite."""
    for model, sign in ((GOOD, 1.0), (POOR, -1.0)):
        rows = []
        for number in range(SHELVES):
            angle = math.pi / 2 * number / SHELVES
            query = [math.cos(angle), math.sin(angle), 0.0, 0.0]
            other = [0.0, 0.0, query[0], query[1]]
            if model == GOOD or number < SHELVES - UNKNOWN:
                rows.append(row(f"q{number}", query))
            for place in range(1, WIDTH + 1):
                if model == GOOD and number < LOST and place == WIDTH:
                    continue
                vector = [sign * value for value in query] if place == CLICKED else other
                rows.append(row(f"i{number}-{place}", vector))
        assert not Store(client, prepare(client, settings, model, 4)).upsert(rows)
