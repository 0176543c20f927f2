"""(g) The recorder against a bare consume loop, over the same events, turn by turn: from the first record to the last.

The recorder's last is in its file, on the disk; the bare loop has looked at each value and thrown it away.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.clients import producer, send
from streams.settings import Settings
from streams.topics import INTERACTIONS

from .bench import Bench
from .processes import Failed
from .report import Figure

AIM = 0.5


def measure(bench: Bench) -> list[Figure]:
    """Publish, then read all of it as often as it takes: bare, recorded, bare, …"""
    settings, count = bench.catalogue(), bench.pick(400_000, 60_000)
    size = _publish(settings, count)
    bench.say(f"(g) {count:,} interactions of {size / count:.0f} bytes on average published")
    rates: dict[str, list[float]] = {"bare": [], "poll": [], "record": []}
    for turn in range(bench.pick(5, 3)):
        for how, found in rates.items():
            data = settings.model_copy(update={"data": bench.path("recorded")})
            told = bench.run(".record_loop", how, str(count), settings=data)
            found.append(told["records"] / told["seconds"])
        bench.say(f"(g) turn {turn + 1}: " + ", ".join(f"{how} {found[-1]:,.0f}/s" for how, found in rates.items()))
    ratios = {
        how: tuple(ours / bare for ours, bare in zip(rates["record"], rates[how], strict=True))
        for how in ("bare", "poll")
    }
    return [
        Figure("g", "a bare loop over consume(5,000)", "records/s", tuple(rates["bare"])),
        Figure("g", "a bare loop over poll(), record by record", "records/s", tuple(rates["poll"])),
        Figure("g", "the recorder, to Parquet on the disk", "records/s", tuple(rates["record"])),
        Figure("g", "its share of the rate of consume", "", ratios["bare"], aim=AIM),
        Figure("g", "its share of the rate of poll", "", ratios["poll"], aim=AIM),
    ]


def _publish(settings: Settings, count: int) -> int:
    """Shelves of ten items, what was seen of them, and some clicks and purchases; returns their bytes."""
    client, chance, size = producer(settings, linger_ms=50), random.Random(1), 0  # noqa: S311 - the same each time
    failed: list[str] = []
    for number, event in zip(range(count), _events(chance), strict=False):
        value = json.dumps(event, separators=(",", ":")).encode()
        size += len(value)
        send(
            client,
            settings.named(INTERACTIONS),
            value,
            event["request_id"],
            on_delivery=lambda error, _: failed.append(str(error)) if error is not None else None,
        )
        if number % 1_000 == 0:
            client.poll(0)
    if client.flush(60) or failed:
        raise Failed(f"interactions were not confirmed: {failed[:1]}")
    return size


def _events(chance: random.Random) -> Any:
    start, number = datetime(2026, 11, 20, tzinfo=UTC), 0
    while True:
        number += 1
        at = (start + timedelta(seconds=number)).isoformat()
        about = {"request_id": f"{chance.getrandbits(128):032x}", "at": at}
        first = chance.randrange(900_000)
        items = [
            {
                "listing_id": f"m{first + 7 * place}",
                "position": place,
                "score": round(chance.random(), 6),
                "propensity": chance.choice((0.25, 0.5, 1.0)),
                "category": "fashion/shoes/sneakers",
                "seller_id": f"u{chance.randrange(10_000)}",
                "status": "on_sale",
                "listed_at": 1_763_856_000_000_000,
            }
            for place in range(1, 11)
        ]
        yield about | {
            "event": "shelf",
            "query": f"m{first}",
            "category": "fashion/shoes",
            "items": items,
            "drawn": "swap",
            "model": "lookalike_small@c9a94576ef51",
            "policy": "p1",
            "variant": "a",
            "surface": "item",
            "user": f"{chance.getrandbits(256):064x}",
            "session": f"{chance.getrandbits(64):016x}",
            "layout": "row",
        }
        event = about | {"event_id": f"{chance.getrandbits(128):032x}"}
        yield event | {"event": "seen", "positions": [1, 2, 3, 4, 5]}
        for name, share in (("click", 0.5), ("purchase", 0.1)):
            if chance.random() < share:
                yield event | {
                    "event": name,
                    "event_id": f"{chance.getrandbits(128):032x}",
                    "listing_id": f"m{first + 7}",
                }
