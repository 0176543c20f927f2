"""The picture stage with few events in hand: what hangs leaves room for others, and what is well is never put back."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from changes import received
from hanging import HangingHosts, hanging_hosts
from pictures import jpeg
from streams.errors import BadMessage
from streams.settings import Settings
from web import Web, web_server
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.indexer.config import Capacity
from workers.indexer.fetch_stage import FetchStage
from workers.indexer.fold import Fold
from workers.indexer.lease import Lease
from workers.indexer.messages import Queues
from workers.indexer.pending_event import PendingEvent, read_event
from workers.indexer.settler import Settler
from workers.indexer.shared import Shared
from workers.indexer.stages import Stages
from workers.models.folder import find_model, read_recipe

IN_HAND, EVENTS = 60, 300
ADDRESSES = [f"127.0.1.{number}" for number in range(1, 101)]
NAMES = [f"img{number}.silent.example" for number in range(100)]
Url = Callable[[HangingHosts, int], tuple[str, str]]
"""The address of a picture, and its seller."""


class Hand:
    """What is in hand, in place of the fold and the settler: whatever comes to its end makes room for one more."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(IN_HAND)
        self.ends: Counter[str] = Counter()

    def take(self) -> None:
        """One more event; waits for room."""
        assert self._room.acquire(timeout=60)

    def leave(self, how: str) -> None:
        """One event less."""
        self.ends[how] += 1
        self._room.release()

    def holds(self, _change: PendingEvent) -> bool:
        """As the fold's."""
        return True

    def winner(self, _listing_id: str) -> None:
        """As the fold's."""

    def requeue(self, _change: PendingEvent, away: HostUnavailable) -> None:
        """As the settler's."""
        self.leave("crowded" if away.overloaded else "away")

    def dead_letter(self, _change: PendingEvent, bad: BadMessage) -> None:
        """As the settler's."""
        self.leave(bad.error)

    def count_success(self, *_: Any) -> None:
        """As the settler's."""


class Stage:
    """The picture stage, fed as the planner feeds it."""

    def __init__(self, hosts: tuple[str, ...], limits: HostLimits) -> None:
        self.hand, self.queues, self.failures = Hand(), Queues(), list[BaseException]()
        self.stages = Stages(Capacity(max_in_flight=IN_HAND, decoders=1), self.failures.append)
        fetcher = Fetcher(Settings(image_hosts=hosts), ImageLimits(), limits)
        self.pictures = FetchStage(
            Shared(
                self.stages,
                self.queues,
                cast("Fold", self.hand),
                cast("Any", None),
                cast("Settler", self.hand),
                cast("Any", None),
                Lease(),
            ),
            read_recipe(find_model("")),
            fetcher,
        )
        self.stages.run("fetch", self.pictures.fetch_step)

    def submit(self, listing_id: str, url: str, seller: str) -> None:
        """A listing with one picture; waits for room."""
        self.hand.take()
        event = {"listing_id": listing_id, "version": 1, "status": "on_sale", "title": "t", "image_urls": [url]}
        self.pictures.submit(read_event(received({**event, "seller_id": seller})), None)

    def decoded(self) -> None:
        """Wait for the next picture, and take it as the encoder does."""
        self.queues.decoded.get(timeout=60)
        self.pictures.release_slots(1)
        self.hand.leave("decoded")


@pytest.fixture
def limits() -> HostLimits:
    """A host is slow only long after a test has come to its end, however slow the machine is."""
    return replace(HostLimits.for_max_in_flight(IN_HAND), slow_seconds=20)


@pytest.fixture
def stage(good: Web, limits: HostLimits) -> Iterator[Stage]:
    """Running for the time of a test."""
    made = Stage((good.host.rsplit(":", 1)[0], "127.0.0.99", *ADDRESSES, *NAMES), limits)
    yield made
    assert made.stages.stop(10)
    made.pictures.close()
    assert not made.failures


@pytest.fixture
def good() -> Iterator[Web]:
    """An image host that is well."""
    with web_server(addresses=("127.0.0.2",)) as web:
        yield web


@pytest.fixture
def evil(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingHosts]:
    """Hosts that hang, and name servers of one domain."""
    over, look_up = threading.Event(), socket.getaddrinfo

    def slowly(host: Any, *arguments: Any, **more: Any) -> Any:
        if host in NAMES:
            over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with hanging_hosts(jpeg(1), 30) as hosts:
        yield hosts
        over.set()


def ports(evil: HangingHosts, number: int) -> tuple[str, str]:
    """Thirty of one address."""
    return f"http://127.0.0.99:{evil.ports[number % 30]}/hang/{number}", f"s{number}"


def names(_evil: HangingHosts, number: int) -> tuple[str, str]:
    """Of one domain whose name servers hang."""
    return f"http://{NAMES[number % len(NAMES)]}/{number}", f"s{number}"


def addresses(evil: HangingHosts, number: int) -> tuple[str, str]:
    """Of one seller."""
    return f"http://{ADDRESSES[number % len(ADDRESSES)]}:{evil.ports[0]}/hang/{number}", "evil"


@pytest.mark.parametrize("attack", [ports, names, addresses])
def test_what_hangs_leaves_room(stage: Stage, limits: HostLimits, good: Web, evil: HangingHosts, attack: Url) -> None:
    """Five times more than is ever in hand: a good listing behind all of it is taken in, and fetched."""
    began = time.monotonic()
    for number in range(EVENTS):
        stage.submit(f"bad{number}", *attack(evil, number))
    stage.submit("good", good.serve("/a.jpg", jpeg(2)), "good")
    stage.decoded()
    # 0.4 to 0.9 s on a quiet machine; after this it would be sure that the attacker's hosts struggle.
    assert time.monotonic() - began < limits.slow_seconds
    assert stage.hand.ends["crowded"] >= EVENTS - IN_HAND


@pytest.mark.parametrize("limits", [replace(HostLimits.for_max_in_flight(IN_HAND), slow_seconds=60, silent_seconds=60)])
def test_a_new_host_that_is_well_keeps_its_events(stage: Stage, good: Web) -> None:
    """However many come at once: none is put back. On a busy machine the first answer takes over `silent_seconds`."""
    url = good.serve("/a.jpg", jpeg(2))

    def feed() -> None:
        for number in range(EVENTS):
            stage.submit(f"m{number}", url, "s")

    feeding = threading.Thread(target=feed)
    feeding.start()
    for _ in range(EVENTS):
        stage.decoded()
    feeding.join()
    assert stage.hand.ends == {"decoded": EVENTS}
