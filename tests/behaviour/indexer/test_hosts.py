"""Image hosts that are slow or away: their events wait their turn, and nobody else's do."""

import itertools
import json
import time
import urllib.request
from collections.abc import Iterator

import pytest

from awaiting import eventually
from catalogue import Catalogue, catalogue, dumped, now_ms, place
from pictures import encoded, image, jpeg
from program import IndexWorker, index_worker, seconds_since
from schemas.source import Source
from streams.listing_codec import Record
from streams.retry_headers import RetryState, requeue_headers, retry_state
from streams.settings import Settings
from streams.topics import RETRY, UPDATED
from web import Web, web_server
from workers.local.ports import free_port

pytestmark = pytest.mark.timeout(400)
DELAYS = (1, 2, 4)
LOOKS = (1, 2)
ATTEMPTS = 4


@pytest.fixture(scope="module")
def own(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue of this module's, whose pictures may come from any port of this machine."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures"), image_hosts=("127.0.0.1", "*.invalid")) as made:
        yield made


@pytest.fixture(scope="module")
def metrics_port() -> int:
    """Where the worker tells its figures."""
    return free_port()


@pytest.fixture(scope="module")
def running(own: Catalogue, metrics_port: int) -> Iterator[IndexWorker]:
    """A worker with short delays; it lives through all tests, and at the end each event has its end."""
    delays = ",".join(map(str, DELAYS))
    looks = ",".join(map(str, LOOKS))
    options = (
        "--retry-delays",
        delays,
        "--young-delays",
        looks,
        "--metrics-port",
        str(metrics_port),
        "--device",
        "cpu",
    )
    with index_worker(own.settings, *options) as worker:
        yield worker
        assert worker.process.poll() is None, worker.log()
        own.every_event_has_its_end()
        assert worker.terminate() == 0, worker.log()


def retries_of(shop: Catalogue, source: Source) -> list[RetryState]:
    """What was said each time when an event was put back."""
    first = str(source.offset).encode()
    found = [record for record in shop.all_events() if record.source.topic == shop.settings.named(RETRY)]
    mine = [each for each in found if dict(each.headers).get("source-offset") == first]
    return [retry_state(each) for each in mine if dict(each.headers)["source-partition"] == b"%d" % source.partition]


@pytest.mark.usefixtures("running")
def test_a_host_that_is_away_and_returns(own: Catalogue, web: Web) -> None:
    """Its event is put back, its partition moves on and is committed; when the host is back, the event is indexed."""
    port, partition = free_port(), 5
    listing = own.new_id()
    source = own.publish(own.event(listing, 1, image_urls=[f"http://127.0.0.1:{port}/a.jpg"]), partition=partition)
    started = time.monotonic()
    other = own.publish(own.event(own.new_id(), 1, image_urls=[web.serve("/well.jpg", jpeg(1))]), partition=partition)
    assert own.outcome_of(other).outcome == "indexed"
    assert seconds_since(started) < 5
    eventually(lambda: own.committed([(UPDATED, partition)])[UPDATED, partition] == other.offset + 1, "committed past")
    assert place(source) not in own.outcomes()
    with web_server(port) as back:
        back.serve("/a.jpg", jpeg(2))
        outcome = own.outcome_of(source)
    assert (outcome.outcome, outcome.source) == ("indexed", source)
    assert own.row(listing)["source"] == source.model_dump()


@pytest.mark.usefixtures("running")
def test_a_host_that_never_returns(own: Catalogue) -> None:
    """After the last delay its event is a dead letter, with all its attempts and its first place."""
    event = own.event(own.new_id(), 1, image_urls=[f"http://user:secret@127.0.0.1:{free_port()}/a.jpg?secret"])
    source = own.publish(event)
    letter, record = own.letter_of(source, seconds=120)
    assert (letter.reason, letter.source) == ("fetch-exhausted", source)
    assert letter.attempts == ATTEMPTS * (1 + len(DELAYS))
    assert "secret" not in letter.error
    assert json.loads(record.value or b"") == event
    assert own.outcome_of(source).outcome == "refused"
    assert [(each.tries, each.attempts) for each in retries_of(own, source)] == [(1, 4), (2, 8), (3, 12)]


@pytest.mark.full
@pytest.mark.usefixtures("running")
def test_a_newer_event_overtakes_one_that_waits(own: Catalogue) -> None:
    """It is indexed at once; the older one is superseded when its time comes, and nothing more is fetched for it."""
    listing = own.new_id()
    old = own.publish(own.event(listing, 1, image_urls=[f"http://127.0.0.1:{free_port()}/a.jpg"]))
    eventually(lambda: retries_of(own, old), "put back")
    own.index(own.event(listing, 2, image_urls=[own.picture(3)]))
    assert own.outcome_of(old).outcome == "superseded"
    assert own.row(listing)["version"] == 2


@pytest.mark.usefixtures("running")
def test_a_host_that_wants_to_be_asked_later(own: Catalogue) -> None:
    """Longer than we wait in place: then its event is put back, and it is not asked a moment earlier."""
    with web_server() as busy:
        path = "/later.jpg"
        source = own.publish(
            own.event(own.new_id(), 1, image_urls=[busy.serve(path, b"", status=429, Retry_After="12")])
        )
        eventually(lambda: busy.asked[path], "asked")
        busy.serve(path, jpeg(4))
        assert own.outcome_of(source).outcome == "indexed"
        first, second = busy.asked_at[path]
    assert second - first >= 12


@pytest.mark.usefixtures("running")
def test_an_event_that_overtook_its_picture(own: Catalogue) -> None:
    """It is looked for again, and indexed when it is there; one that is never there is a dead letter."""
    with web_server() as late:
        sources = own.publish_all(
            [own.event(own.new_id(), 1, image_urls=[late.url(path)]) for path in ("/late.jpg", "/never.jpg")]
        )
        eventually(lambda: late.asked["/late.jpg"], "asked")
        late.serve("/late.jpg", jpeg(6))
        assert own.outcome_of(sources[0]).outcome == "indexed"
        letter, _ = own.letter_of(sources[1])
        assert (letter.reason, letter.attempts) == ("image-missing", 1 + len(LOOKS))
        assert late.asked["/never.jpg"] == 1 + len(LOOKS)
    assert [(each.tries, each.looks) for each in retries_of(own, sources[1])] == [(0, 1), (0, 2)]


@pytest.mark.full
@pytest.mark.usefixtures("running")
def test_a_slow_host_does_not_stop_the_others(own: Catalogue, web: Web) -> None:
    """While 300 pictures drip in at a byte a second, those of another host are indexed within seconds."""
    with web_server() as slow:
        urls = [slow.drip(f"/{number}.jpg") for number in range(300)]
        own.publish_all([own.event(own.new_id(), 1, image_urls=[url]) for url in urls])
        eventually(lambda: slow.asked.total() >= 8, "the slow host is asked")
        for number in range(6):
            url = web.serve(f"/quick{number}.jpg", jpeg(100 + number))
            events = [own.event(own.new_id(), 1, image_urls=[url]) for _ in range(10)]
            started = time.monotonic()
            told = own.outcomes_of(own.publish_all(events), seconds=30)
            assert seconds_since(started) < 4
            assert {each.outcome for each in told} == {"indexed"}
            time.sleep(2)  # over the whole of the time in which the slow host is found away
        # Only a part of them was ever asked for: the host was left alone when nothing came of it.
        assert slow.asked.total() < 300
    # The host is gone now for good; its events end as letters.
    eventually(lambda: own.total_lag() == 0, "all have ended", seconds=200, pause=1.0)


@pytest.mark.full
def test_nothing_tells_a_secret(own: Catalogue, running: IndexWorker, metrics_port: int) -> None:
    """Credentials and query strings are in no log line, no metric, no header of a letter; hosts in no metric."""
    with web_server() as bad:
        secrets = [
            bad.serve("/404.jpg?secret", b"", status=404),
            bad.serve("/text.jpg?secret", b"no picture"),
            bad.serve("/500.jpg?secret", b"", status=500, Retry_After="0"),
            bad.redirect("/to.jpg?secret", "http://user:secret@10.0.0.1/a?secret"),
            bad.redirect("/away.jpg?secret", f"http://user:secret@127.0.0.1:{free_port()}/a?secret"),
            "http://user:secret@no-such-host.invalid/a?secret",
            "https:///user:secret@example.com/?secret",
            "ftp://user:secret@example.com/a?secret",
            "http://user:secret@[::1/a?secret",
        ]
        secrets[1] = secrets[1].replace("http://", "http://user:secret@")
        sources = own.publish_all([own.event(own.new_id(), 1, image_urls=[url]) for url in secrets])
        letters = [own.letter_of(source, seconds=120)[0] for source in sources]
    assert not [each for each in letters if "secret" in each.model_dump_json()]
    assert "secret" not in running.log()
    metrics = figures(metrics_port)
    assert "secret" not in metrics
    assert "127.0.0.1" not in metrics
    assert "lookalike_put_back_total" in metrics
    assert running.events("put_back")


@pytest.fixture
def fresh(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue of the test's own."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures")) as made:
        yield made


def figures(port: int) -> str:
    """A worker's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        text: str = page.read().decode()
    return text


def figure(port: int, name: str) -> float:
    """One of them."""
    return next(float(line.split()[1]) for line in figures(port).splitlines() if line.startswith(f"{name} "))


def waiting_records(shop: Catalogue, count: int, seconds: float) -> list[Source]:
    """Put events into the retry topic that are due in `seconds`."""
    due, url = now_ms() + int(seconds * 1_000), shop.picture(5)
    sources, records = [], []
    for number in range(count):
        event = shop.event(shop.new_id(), 1, image_urls=[url])
        source = Source(topic=shop.settings.named(UPDATED), partition=0, offset=1_000_000 + number, timestamp=1)
        headers = requeue_headers(Record(source, None, None), RetryState(tries=1, not_before=due))
        sources.append(source)
        records.append((RETRY, event["listing_id"], dumped(event), headers, {"partition": number % 3}))
    shop.send_all(records)
    return sources


@pytest.mark.full
def test_more_wait_than_may_be_held(fresh: Catalogue) -> None:
    """Their partitions are read no further, all others are; when they are due, each of them is done, and none twice."""
    port = free_port()
    with index_worker(fresh.settings, "--waiting", "20", "--metrics-port", str(port), "--device", "cpu") as worker:
        sources = waiting_records(fresh, 2_000, 15.0)
        eventually(lambda: worker.events("retries_paused"), "reading pauses")
        started = time.monotonic()
        for partition in range(3):
            event = fresh.event(fresh.new_id(), 1, image_urls=[fresh.picture(6)])
            assert fresh.outcome_of(fresh.publish(event, partition=partition)).outcome == "indexed"
        assert seconds_since(started) < 6
        assert not [each for each in fresh.outcomes() if each[2] >= 1_000_000]
        # What was fetched still comes: 500 records of one call, and those of the next that was under way.
        assert 20 <= figure(port, "lookalike_events_waiting") <= 20 + 2 * 500
        told = fresh.outcomes_of(sources, seconds=120)
        assert {each.outcome for each in told} == {"indexed"}
        fresh.at_rest()
        assert worker.events("retries_resumed")
        assert max(map(len, fresh.outcomes().values())) == 1
        assert worker.terminate() == 0, worker.log()


@pytest.mark.parametrize(
    ("kind", "starts"), [pytest.param("unreadable", 2, marks=pytest.mark.full), ("no pictures", 1)]
)
def test_when_everything_is_bad(fresh: Catalogue, kind: str, starts: int) -> None:
    """The worker ends with one sentence, before a letter too many; what is not lettered is not passed by a commit."""
    most = 20
    if kind == "unreadable":
        sources = fresh.send_all([(UPDATED, fresh.new_id(), b"no JSON", (), {}) for _ in range(200)])
    else:
        (fresh.folder / "text.jpg").write_bytes(b"no picture")
        url = (fresh.folder / "text.jpg").as_uri()
        sources = fresh.publish_all([fresh.event(fresh.new_id(), 1, image_urls=[url]) for _ in range(200)])
    options = ("--letters-in-a-row", str(most), "--device", "cpu")
    for start in range(1, starts + 1):
        with index_worker(fresh.settings, *options, await_ready=False) as worker:
            assert worker.process.wait(120) == 1, worker.log()
            last = worker.log().strip().splitlines()[-1]
        assert last.startswith(f"lookalike: the index worker stopped: {most} events in a row would be dead-lettered")
        assert len(list(itertools.chain(*fresh.letters().values()))) <= (most - 1) * start
    lettered, committed = set(fresh.letters()), fresh.all_committed()
    for source in sources:
        assert place(source) in lettered or (committed[UPDATED, source.partition] or 0) <= source.offset


def test_one_sellers_bad_listings(fresh: Catalogue, web: Web) -> None:
    """Three hundred of one seller, and records of his that do not meet the schema, end nobody: without a restart the
    others' listings are indexed between and after them, and each of his is a dead letter."""
    gif = web.serve("/a.gif", encoded(image(53), "GIF"))
    urls = [gif if number % 2 else f"ftp://someone{number}.example/a.jpg" for number in range(300)]
    bad = [fresh.event(fresh.new_id(), 1, image_urls=[url], seller_id="u666") for url in urls]
    bad += [fresh.event(fresh.new_id(), 1, image_urls=urls[:1], seller_id="u666", title="t" * 2_000)] * 150
    good = [
        fresh.event(fresh.new_id(), 1, image_urls=[fresh.picture(number)], seller_id=f"u{number}")
        for number in range(10)
    ]
    published = fresh.publish_all([*bad[:200], *good[:5], *bad[200:]])
    with index_worker(fresh.settings, "--device", "cpu") as worker:
        told = fresh.outcomes_of([*published[200:205], *fresh.publish_all(good[5:])], seconds=120)
        assert {each.outcome for each in told} == {"indexed"}
        fresh.at_rest()
        assert worker.running, worker.log()
    assert set(fresh.letters()) == {place(each) for each in [*published[:200], *published[205:]]}
