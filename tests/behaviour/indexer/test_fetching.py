"""Where pictures come from, through a real worker: hosts that want headers, object stores; nothing tells a secret."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from awaiting import eventually
from catalogue import Catalogue, catalogue
from object_stores import BUCKET, KEY, KEY_ID, ObjectStore, gcs_store, s3_store
from pictures import encoded, image, jpeg
from program import IndexWorker, document, index_worker, run
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import DEAD_LETTER
from web import Answer, Web, respond, web_server

TOKEN = "a-token-that-nobody-may-see"  # noqa: S105
CONTACT = "shop-index (ops@shop.example)"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Web]:
    """Two image hosts, on one port of two addresses; the first is the one that wants a token."""
    with web_server(addresses=("127.0.0.1", "127.0.0.2")) as web:
        yield web


@pytest.fixture(scope="module", params=[s3_store, gcs_store], ids=["s3", "gs"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An object store of each kind."""
    with request.param(tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture(scope="module")
def market(stack: Settings, hosts: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue whose workers have a token for the first host, a bucket of each kind of store, and all formats."""
    headers = {"*": {"User-Agent": CONTACT}, hosts.hosts[0]: {"Authorization": f"Bearer {TOKEN}", "X-Shop": TOKEN}}
    with catalogue(
        stack,
        tmp_path_factory.mktemp("pictures"),
        image_hosts=hosts.hosts,
        image_headers=headers,
        image_buckets=(f"s3://{BUCKET}", f"gs://{BUCKET}"),
        image_formats=("GIF", "AVIF"),
    ) as made:
        yield made


@pytest.fixture(scope="module")
def worker(market: Catalogue, store: ObjectStore) -> Iterator[IndexWorker]:
    """A worker whose environment has the store's credentials; at the end it has told no secret to anyone."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        running = stack.enter_context(index_worker(market.settings, "--device", "cpu"))
        yield running
        market.every_event_has_its_end()
        assert running.terminate() == 0, running.log()
        told = [running.log().encode(), *(each.value or b"" for each in read_all(market.settings, DEAD_LETTER))]
        told += [value or b"" for each in read_all(market.settings, DEAD_LETTER) for _, value in each.headers]
        for secret in (TOKEN, KEY, KEY_ID):
            assert not [each for each in told if secret.encode() in each]


def asked(seen: list[dict[str, str]], *, token: bool) -> Answer:
    """Answers with a picture; 401 if the token is wanted and not sent. What was sent is added to `seen`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        if token and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            respond(request, b"who are you?", status=401, kind="text/plain")
        else:
            respond(request, jpeg(len(seen)))

    return answer


@pytest.mark.usefixtures("worker")
def test_a_host_that_wants_a_header(market: Catalogue, hosts: Web) -> None:
    """It gets what the operator chose for it; one that is not named gets what all do, and says no."""
    seen: list[dict[str, str]] = []
    hosts.answers["/private.jpg"] = asked(seen, token=True)
    market.index(market.event(market.new_id(), 1, image_urls=[hosts.url("/private.jpg")]))
    assert (seen[0]["authorization"], seen[0]["user-agent"]) == (f"Bearer {TOKEN}", CONTACT)
    source = market.publish(market.event(market.new_id(), 1, image_urls=[hosts.url("/private.jpg", 1)]))
    letter, _ = market.letter_of(source)
    assert (letter.reason, "HTTP 401" in letter.error) == ("image-missing", True)
    assert "authorization" not in seen[1]
    assert seen[1]["user-agent"] == CONTACT


@pytest.mark.usefixtures("worker")
def test_a_redirect_carries_no_secret_elsewhere(market: Catalogue, hosts: Web) -> None:
    """To another host, and back from there; within a host it does."""
    here, there, back = list[dict[str, str]](), list[dict[str, str]](), list[dict[str, str]]()
    hosts.answers["/moved.jpg"] = asked(here, token=True)
    hosts.answers["/other.jpg"] = asked(there, token=False)
    hosts.answers["/back.jpg"] = asked(back, token=False)
    hosts.redirect("/within.jpg", hosts.url("/moved.jpg"))
    hosts.redirect("/away.jpg", hosts.url("/other.jpg", 1))
    hosts.redirect("/there.jpg", hosts.url("/and-back.jpg", 1))
    hosts.redirect("/and-back.jpg", hosts.url("/back.jpg"))
    for path in ("/within.jpg", "/away.jpg", "/there.jpg"):
        market.index(market.event(market.new_id(), 1, image_urls=[hosts.url(path)]))
    assert here[0]["authorization"] == f"Bearer {TOKEN}"
    for sent in (there[0], back[0]):
        assert not {"authorization", "x-shop"} & sent.keys()
        assert sent["user-agent"] == CONTACT


@pytest.mark.usefixtures("worker")
def test_a_letter_of_a_host_that_knows_the_token(market: Catalogue, hosts: Web) -> None:
    """What it answers is told, what it was sent is not (the worker's fixture looks at all that was told)."""
    path = "/echo.jpg"
    hosts.answers[path] = lambda request: respond(
        request, str(request.headers).encode(), status=410, kind="text/plain", X_Echo=TOKEN
    )
    letter, _ = market.letter_of(market.publish(market.event(market.new_id(), 1, image_urls=[hosts.url(path)])))
    assert (letter.reason, TOKEN in letter.error) == ("image-missing", False)


@pytest.mark.usefixtures("worker")
def test_pictures_in_an_object_store(market: Catalogue, store: ObjectStore) -> None:
    """Indexed by their keys; a key that is not there is looked for again, and then a dead letter."""
    url = store.put("shoes/red 100%.jpg", jpeg(50))
    row = market.index(market.event(market.new_id(), 1, image_urls=[url]))
    assert row["image_urls"] == [url]
    gone = market.publish(market.event(market.new_id(), 1, image_urls=[url.replace("red", "gone")]))
    letter, _ = market.letter_of(gone)
    assert (letter.reason, letter.attempts) == ("image-missing", 3)


@pytest.mark.usefixtures("worker")
def test_a_bucket_that_was_not_named(market: Catalogue, store: ObjectStore) -> None:
    """Refused by the worker and by `publish`, both with the setting's name."""
    url = store.put("a.jpg", jpeg(51)).replace(BUCKET, "another-shop")
    event = market.event(market.new_id(), 1, event="listing-updated", image_urls=[url])
    letter, _ = market.letter_of(market.publish(event))
    assert letter.reason == "image-refused"
    assert "LOOKALIKE_IMAGE_BUCKETS" in letter.error
    told = document(run(market.settings, "publish", "-", "--json", stdin=json.dumps(event)), 2)
    assert (told["published"], "LOOKALIKE_IMAGE_BUCKETS" in told["errors"][0]["reason"]) == (0, True)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_pictures_of_formats_that_the_operator_takes(market: Catalogue, hosts: Web, kind: str) -> None:
    """A film is its first frame, by address and by `publish --images`; half of one is refused."""
    frames = [image(60, (128, 128)), image(61, (128, 128)), image(62, (128, 128))]
    film = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    still, other = (encoded(each, "PNG") for each in frames[:2])
    urls = [
        hosts.serve(f"/{name}", body, kind=f"image/{kind.lower()}")
        for name, body in (("film", film), ("still", still), ("other", other))
    ]
    rows = [market.index(market.event(market.new_id(), 1, image_urls=[url])) for url in urls]
    as_film, as_still, as_other = (np.array(each["embedding"]) for each in rows)
    assert as_film @ as_still > 0.98 > as_film @ as_other
    broken = hosts.serve("/broken", film[: len(film) // 4])
    letter, _ = market.letter_of(market.publish(market.event(market.new_id(), 1, image_urls=[broken])))
    assert letter.reason == "image-undecodable", letter.error
    folder = market.folder / kind
    folder.mkdir(exist_ok=True)
    (folder / f"film.{kind.lower()}").write_bytes(film)
    assert document(run(market.settings, "publish", "--images", str(folder), "--json"))["published"] == 1
    listing = hashlib.sha256(f"film.{kind.lower()}".encode()).hexdigest()[:16]
    published = eventually(lambda: market.known(listing).row, "the published film is indexed", seconds=60)
    assert published is not None
    assert np.array(published["embedding"]) @ as_film > 0.999
