"""Lag on purpose is shown apart from lag that a worker should do."""

import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from awaiting import eventually
from catalogue import Catalogue, catalogue, dumped, now_ms
from program import document, index_worker, run
from schemas.source import Source
from streams.clients import client_config
from streams.listing_codec import Record
from streams.retry_headers import RetryState, requeue_headers
from streams.settings import Settings
from streams.topics import LISTING_PARTITIONS, RETRY, UPDATED
from workers.local.ports import free_port

pytestmark = pytest.mark.timeout(400)
PARTITION = 3


@pytest.fixture
def own(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue of the test's own, whose pictures may come from any port of this machine."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures"), image_hosts=("127.0.0.1",)) as made:
        yield made


def told(shop: Catalogue, *arguments: str) -> dict[str, Any]:
    """What `lag --json` says."""
    return document(run(shop.settings, "lag", "--json", *arguments))


def parts(found: dict[str, Any]) -> tuple[int, int, int]:
    """The lag, and of it what waits and what is due."""
    return found["total" if "total" in found else "lag"], found["waiting"], found["due"]


def gauges(port: int, name: str) -> dict[tuple[str, str], float]:
    """A worker's figures of this name, by topic and partition."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        found = re.findall(rf'^{name}{{partition="(\d+)",topic="(\S+)"}} (\S+)$', page.read().decode(), re.MULTILINE)
    return {(topic, partition): float(value) for partition, topic, value in found}


def put_back_and_due(shop: Catalogue, count: int) -> list[Source]:
    """Events that were put back some time ago, behind what the topic has."""
    sources, records = [], []
    for number in range(count):
        event = shop.event(shop.new_id(), 1, image_urls=[shop.picture(number)])
        source = Source(topic=shop.settings.named(UPDATED), partition=PARTITION, offset=1_000_000 + number, timestamp=1)
        headers = requeue_headers(Record(source, None, None), RetryState(tries=1, not_before=now_ms() - 1_000))
        sources.append(source)
        records.append((RETRY, event["listing_id"], dumped(event), headers, {"partition": PARTITION}))
    shop.send_all(records)
    return sources


def test_a_host_that_is_away(own: Catalogue) -> None:
    """What waits for it is lag and not due, and what was finished behind it is neither; the worker's metrics say the
    same. Without a worker what waits goes on to wait, and new events are due."""
    port, retry = free_port(), (own.settings.named(RETRY), str(PARTITION))
    options = ("--retry-delays", "900", "--metrics-port", str(port), "--device", "cpu")
    with index_worker(own.settings, *options) as worker:
        address = f"http://127.0.0.1:{free_port()}/a.jpg"
        own.publish(own.event(own.new_id(), 1, image_urls=[address]), partition=PARTITION)
        eventually(lambda: parts(told(own)) == (1, 1, 0), "the event waits", pause=0.5)
        own.outcomes_of(put_back_and_due(own, 5))
        eventually(lambda: parts(told(own)) == (6, 1, 0), "what came behind it is done", pause=0.5)
        [place] = [each for each in told(own)["groups"] if each["lag"]]
        assert (place["topic"], place["partition"], *parts(place)) == (retry[0], PARTITION, 6, 1, 0)
        eventually(lambda: gauges(port, "lookalike_lag_waiting").get(retry) == 1, "its metric", pause=0.5)
        assert len(gauges(port, "lookalike_lag_waiting")) == 3 * LISTING_PARTITIONS
        assert set(gauges(port, "lookalike_lag_due").values()) == {0.0}
        assert worker.terminate() == 0, worker.log()
    own.publish_all([own.event(own.new_id(), 1, image_urls=[own.picture(9)]) for _ in range(4)])
    assert parts(told(own)) == (10, 1, 4)
    page = run(own.settings, "lag").stdout
    assert re.search(r"group +lag +due +waiting", page)
    assert re.search(r"total +10 +4 +1", page)
    status = document(run(own.settings, "status", "--json"), 1)
    assert (status["lag"], status["lag_due"], status["lag_waiting"]) == (10, 4, 1)


def test_a_group_that_a_change_of_the_model_left_behind(own: Catalogue) -> None:
    """It is shown as stale, and is in no total, while another one is in use; asked for by its name it is counted."""
    old = own.settings.named("lookalike-index-0123456789ab")
    own.publish_all([own.event(own.new_id(), 1, image_urls=[own.picture(9)]) for _ in range(3)], partition=PARTITION)
    consumer = Consumer(client_config(own.settings, group_id=old, enable_auto_commit=False))
    topic = own.settings.named(UPDATED)
    consumer.commit(offsets=[TopicPartition(topic, PARTITION, 1)], asynchronous=False)
    consumer.close()
    assert (parts(told(own)), told(own)["stale"]) == ((2, 0, 2), []), "nothing is in use: that is no reason to be quiet"
    with index_worker(own.settings, "--device", "cpu") as worker:
        own.at_rest()
        found = told(own, "--fail-above", "0")
        assert (parts(found), found["stale"]) == ((0, 0, 0), [old])
        assert sum(each["lag"] for each in found["groups"] if each["stale"]) == 2
        assert f"{old} (stale)" in run(own.settings, "lag").stdout
        assert parts(told(own, "--group", old)) == (2, 0, 2)
        assert worker.terminate() == 0, worker.log()
