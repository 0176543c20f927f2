"""Kafka or Milvus away: the one costs records, which are counted, the other answers, which come back."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from awaiting import eventually
from behaviour.server.conftest import Shop
from catalogue import Tail
from faults.proxy import Proxy, proxy_to
from parts import Part
from rows import row
from serving import Server, ids, server, stocked
from streams.settings import Settings
from streams.topics import INTERACTIONS, create
from workers.local import kafka
from workers.local.ports import free_port

CLICK = {"event": "click", "event_id": "e1", "request_id": "r1", "listing_id": "m2"}


@pytest.fixture
def own(stack: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Part, Proxy]]:
    """A broker of its own, and a way to Milvus Lite that can be cut."""
    settings = stack.model_copy(
        update={
            "kafka": f"127.0.0.1:{free_port()}",
            "data": tmp_path,
            "prefix": "away_",
        }
    )
    broker = Part(kafka.process(settings), tmp_path / "kafka.log")
    broker.start()
    try:
        with proxy_to(urlsplit(stack.milvus).port or 0) as proxy:
            yield settings, broker, proxy
    finally:
        broker.kill()


def test_away_and_back(own: tuple[Settings, Part, Proxy]) -> None:
    """It answers without Kafka and counts what is not recorded; without Milvus it says 503; then all is as before."""
    settings, broker, proxy = own
    create(settings)
    collections = stocked(settings, "plain@0123456789ab", 4, [row(f"m{n}", [1, n / 50, 0, 0]) for n in range(20)])
    tail = Tail(settings, INTERACTIONS)
    shop = Shop(settings, collections, tail)
    through = settings.model_copy(update={"milvus": f"http://127.0.0.1:{proxy.port}"})
    with server(through, "--record-within", "2") as served:
        shop.recorded(served.similar("m1", k=3)["request_id"])
        assert served.client.post("/v1/interactions", json=CLICK).status_code == 202  # on loopback, without a token
        _without_milvus(served, proxy)
        _without_kafka(served, broker)
        broker.start()
        eventually(lambda: _recorded_again(served, shop), "shelves are recorded again", seconds=60)
        assert eventually(lambda: served.health()["shelves"]["problem"] is None, "health says so", seconds=15)
    tail.close()


def _without_milvus(served: Server, proxy: Proxy) -> None:
    proxy.refuse()
    refused = eventually(lambda: _refused(served), "503", seconds=20)
    assert refused is not None
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json() == {"reason": "away", "detail": "a service that is needed does not answer"}
    eventually(lambda: served.health()["state"] == "waiting", "health says so", seconds=20)
    proxy.heal()
    eventually(lambda: served.client.get("/v1/listings/m1/similar").status_code == 200, "answers again", seconds=40)


def _without_kafka(served: Server, broker: Part) -> None:
    broker.kill()
    lost = [served.similar("m0", k=3) for _ in range(5)]
    assert all(ids(each) == ["m1", "m2", "m3"] for each in lost)
    counted = eventually(lambda: served.metric("lookalike_serve_unrecorded_shelves_total") >= 5, "counted", seconds=30)
    assert counted
    assert served.similar("m1", k=1)
    eventually(lambda: served.health()["shelves"]["unrecorded"] >= 5, "counted in health", seconds=10)
    assert served.health()["state"] == "degraded"
    answer = served.client.post("/v1/interactions", json=CLICK)
    assert (answer.status_code, answer.json()["reason"]) == (503, "later")
    assert int(answer.headers["Retry-After"]) >= 1


def _refused(served: Server) -> httpx.Response | None:
    answer = served.client.get("/v1/listings/m1/similar")
    return answer if answer.status_code == 503 else None


def _recorded_again(served: Server, shop: Shop) -> bool:
    shelf = served.similar("m1", k=3)["request_id"]
    try:
        eventually(lambda: shop.records(shelf), "recorded", seconds=3)
    except AssertionError:
        return False
    return True
