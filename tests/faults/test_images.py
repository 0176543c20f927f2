"""Image hosts that are away, decoders that die, and a release after which every message is bad."""

import contextlib
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import psutil
import pytest

from awaiting import eventually
from catalogue import dumped
from faults.bystander import Bystander, assert_unharmed
from faults.case import Case
from faults.chosen import OUTAGE
from faults.histories import Made
from faults.publishing import publishing
from faults.scene import Scene
from pictures import encoded, image, jpeg
from schemas.listing import ListingEvent
from streams.topics import CREATED, UPDATED
from web import Answer, respond, web_server

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
IN_A_ROW = 20


def _answer(how: str, away_until: float) -> Answer:
    """What an image host answers that is away until then, in one of three ways."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        left = away_until - time.monotonic()
        if left <= 0:
            respond(request, jpeg(1))
        elif how == "busy":
            respond(request, b"", status=503, Retry_After="1")
        elif how == "silent":
            time.sleep(min(30.0, left))
        request.close_connection = True

    return answer


@pytest.mark.full
def test_image_hosts_away(own_scene: Scenes, make_case: MakeCase) -> None:
    """Events of three hosts, one busy, one silent, one that hangs up, wait in listing-retry, and those of other hosts
    do not wait; when the three are back, all are indexed."""
    scene = own_scene("--retry-delays", "2,4,8,16,32,64,64")
    scene.crew.ready()
    case = make_case(f"3 image hosts away for {OUTAGE:.0f} s", scene)
    away_until = time.monotonic() + OUTAGE
    with ExitStack() as stack:
        made: list[Made] = []
        for how in ("busy", "silent", "hanging up"):
            host = stack.enter_context(web_server())
            for number in range(20):
                host.answers[f"/{number}.jpg"] = _answer(how, away_until)
                made.append(case.of_url(host.url(f"/{number}.jpg")))
        waiting = case.send(made)
        with publishing(case.publisher, case.histories, rate=20):
            case.told(case.send(case.new(20)), seconds=15)
            time.sleep(max(0.0, away_until - time.monotonic()))
        since = time.monotonic()
        told = case.told(waiting, seconds=150)
        case.recovered = time.monotonic() - since
        assert {outcome.outcome for outcome in told} == {"indexed"}
        case.holds()


@pytest.mark.full
def test_decoders_killed(scenes: Scenes, make_case: MakeCase) -> None:
    """Again and again while pictures are decoded: a decoder's death costs a picture no more than a second try."""
    scene = scenes()
    [worker] = scene.crew.ready()
    case = make_case("decoders killed", scene)
    chance = random.Random(case.seed)  # noqa: S311 - no secret
    with publishing(case.publisher, case.histories, rate=40):
        for _ in range(6):
            sources = case.send(case.new(20))
            time.sleep(chance.uniform(0.0, 0.3))
            children = psutil.Process(worker.process.pid).children()
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(children).kill()
            # One kill at a time: a picture whose decoder dies twice is taken for the reason.
            case.told(sources)
    assert worker.running, worker.log()
    case.holds()


@pytest.mark.full
def test_everything_is_bad_after_a_release(own_scene: Scenes, make_case: MakeCase) -> None:
    """The limit stops the worker at every start, little drains away; let pass on purpose, all lies in the letters."""
    scene = own_scene("--letters-in-a-row", str(IN_A_ROW))
    case = make_case("everything is bad", scene)
    case.publish(60)
    scene.crew.ready()
    scene.shop.at_rest()
    before = len(scene.shop.letters())
    case.send([Made(UPDATED, f"{case.tag}bad{number}".encode(), b"{ not JSON") for number in range(150)])
    for start in (1, 2):
        worker = scene.crew.members[0] if start == 1 else scene.crew.start(await_ready=False)
        eventually(lambda worker=worker: not worker.running, "the worker has stopped itself")  # type: ignore[misc]
        assert worker.process.returncode == 1, worker.log()
        assert len(scene.shop.letters()) - before <= IN_A_ROW * start
    scene.crew.arguments = (*scene.crew.arguments, "--letters-in-a-row", "0", "--letters-ratio", "0")
    scene.crew.ready()
    case.holds()


@pytest.mark.full
def test_one_sellers_bad_listings(scenes: Scenes, make_case: MakeCase) -> None:
    """Six hundred of one seller, with addresses that nobody can fetch and pictures that nobody takes: they are dead
    letters, no worker ends, and a bystander's listings are indexed as quickly as ever."""
    scene = scenes()
    [worker] = scene.crew.ready()
    case = make_case("one seller's bad listings", scene)
    bystander = Bystander.of_case(case)
    quiet = bystander.seconds()
    gif = scene.web.serve(f"/{case.tag}a.gif", encoded(image(1), "GIF"))
    for number in range(0, 600, 100):
        urls = [f"ftp://img{each}.example/a.jpg" if each % 2 else gif for each in range(number, number + 100)]
        case.send([bad_listing(case, f"{case.tag}bad{number + each}", url) for each, url in enumerate(urls)])
        assert_unharmed(quiet, bystander.seconds(1))
    assert worker.running, worker.log()
    case.holds()
    assert worker.running, worker.log()


def bad_listing(case: Case, listing_id: str, url: str) -> Made:
    """A listing of a seller who has nothing good."""
    event = case.shop.event(listing_id, 1, image_urls=[url], seller_id="u666")
    return Made(CREATED, listing_id.encode(), dumped(event), (), None, ListingEvent.model_validate(event))
