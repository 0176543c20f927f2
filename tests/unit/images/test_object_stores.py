"""Pictures in object stores: of named buckets alone, byte by byte by their keys, within the limits of all pictures."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from object_stores import BUCKET, KEY, ObjectStore, gcs_store, s3_store
from pictures import jpeg
from streams.errors import BadMessage
from streams.image_urls import why_not_fetchable
from streams.settings import Settings
from web import Answer, Web, respond, web_server
from workers.images.circuit_breaker import HostUnavailable
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.images.responses import Fetched, NotYet

LIMITS = ImageLimits(bytes=10_000, seconds=2.0, connect_seconds=0.5, attempts=2)
NAMES = (f"s3://{BUCKET}", f"gs://{BUCKET}")
KEYS = (
    "a.jpg",
    "folder/a b.jpg",
    "a%20b.jpg",
    "100%.jpg",
    "a+b&c=d.jpg",
    "what?#x.jpg",
    "ä/景.jpg",
    "~[x]{y}^`'.jpg",
)


@pytest.fixture(scope="module", params=["s3", "gs"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """One of each kind."""
    start = s3_store if request.param == "s3" else gcs_store
    with start(tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture
def told(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """It, and its environment is ours."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store


def fetch(url: str, *, limits: ImageLimits = LIMITS, buckets: tuple[str, ...] = NAMES) -> Fetched:
    """One fetch with a fetcher of its own."""

    async def once() -> Fetched:
        async with Fetcher(Settings(image_buckets=buckets), limits, HostLimits()) as fetcher:
            return await fetcher.fetch(url, "seller")

    return asyncio.run(once())


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_asked_for_as_it_was_published(told: ObjectStore, key: str) -> None:
    """Nothing in it is decoded, quoted or cut."""
    body = jpeg(1) + key.encode()
    assert fetch(told.put(key, body)).data == body


def test_what_is_not_there_yet(told: ObjectStore) -> None:
    """Nor what is empty: the event may have overtaken its picture."""
    address = told.put("here.jpg", jpeg(1))
    for url in (address.replace("here", "gone"), told.put("empty.jpg", b"")):
        with pytest.raises(NotYet) as bad:
            fetch(url)
        assert "gone.jpg" in bad.value.error or "empty" in bad.value.error


def test_too_many_bytes(told: ObjectStore) -> None:
    """Nothing is read of what is larger than a picture may be."""
    assert len(fetch(told.put("large.jpg", bytes(10_000))).data) == 10_000
    with pytest.raises(BadMessage, match="10001 bytes") as bad:
        fetch(told.put("larger.jpg", bytes(10_001)))
    assert bad.value.reason == "image-too-large"


def test_a_key_that_can_not_be_asked_for(told: ObjectStore) -> None:
    """It is refused, not bent into another one."""
    address = told.put("a.jpg", jpeg(1))
    for key in ("b//a.jpg", "b/../a.jpg", "./a.jpg", ""):
        with pytest.raises(BadMessage) as bad:
            fetch(address.removesuffix("a.jpg") + key)
        assert bad.value.reason == "image-refused"


@pytest.mark.parametrize("store", ["s3"], indirect=True)  # the GCS server for tests takes any credentials
def test_credentials_that_are_none(told: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """That says nothing of the picture: its event waits; and no key is in what is said."""
    address = told.put("a.jpg", jpeg(1))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY + "x")
    with pytest.raises(HostUnavailable, match="SignatureDoesNotMatch") as away:
        fetch(address)
    assert KEY not in str(away.value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(HostUnavailable, match="InvalidAccessKeyId"):
        fetch(address)


@pytest.fixture(params=["s3", "gs"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Of each kind of store."""
    return str(request.param)


def path_of(scheme: str, name: str) -> str:
    """Under which a client asks for an object; Google's quotes all that is neither letter nor digit."""
    path = f"/{BUCKET}/{name}"
    return path if scheme == "s3" else re.sub("[^A-Za-z0-9/]", lambda found: f"%{ord(found[0]):02X}", path)


def reach(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    """Stores of both kinds are at this address."""
    monkeypatch.setenv("AWS_ENDPOINT", base)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    key = {"gcs_base_url": base, "disable_oauth": True, "client_email": KEY, "private_key": "", "private_key_id": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A store whose answers the test writes."""
    with web_server() as web:
        reach(monkeypatch, f"http://{web.host}")
        yield web


def test_a_store_that_drips(hostile: Web, scheme: str) -> None:
    """The whole of an attempt has its time."""
    hostile.drip(path_of(scheme, "drip.jpg"))
    began = time.monotonic()
    with pytest.raises(HostUnavailable) as away:
        fetch(f"{scheme}://{BUCKET}/drip.jpg", limits=replace(LIMITS, bytes=100_000))
    assert away.value.attempts == 1
    assert time.monotonic() - began < 2 * LIMITS.seconds


def test_a_store_that_is_busy(hostile: Web, scheme: str) -> None:
    """It is asked again, as any host; by us, not by its library as well."""
    path = path_of(scheme, "busy.jpg")
    hostile.answers[path] = lambda request: respond(request, b"<Error><Code>SlowDown</Code></Error>", status=503)
    with pytest.raises(BadMessage, match="HTTP 503 SlowDown") as bad:
        fetch(f"{scheme}://{BUCKET}/busy.jpg")
    assert (bad.value.reason, bad.value.attempts, hostile.asked[path]) == ("fetch-exhausted", 2, 2)


def test_a_store_that_does_not_know_us(hostile: Web, scheme: str) -> None:
    """401 says nothing of the picture: its event waits. 403 may be what the store says of what is not there."""
    for status, failure in ((401, HostUnavailable), (403, NotYet)):
        path = path_of(scheme, f"{status}.jpg")
        hostile.answers[path] = lambda request, status=status: respond(request, b"", status=status)  # type: ignore[misc]
        with pytest.raises(failure) as found:
            fetch(f"{scheme}://{BUCKET}/{status}.jpg")
        assert KEY not in str(found.value)


def test_a_store_that_claims_too_much(hostile: Web, scheme: str) -> None:
    """By one byte, or by all that there is: nothing of it is read."""
    for name, claimed in (("more", 10_001), ("huge", 10**12)):
        hostile.answers[path_of(scheme, f"{name}.jpg")] = _claiming(claimed)
        with pytest.raises(BadMessage) as bad:
            fetch(f"{scheme}://{BUCKET}/{name}.jpg")
        assert bad.value.reason == "image-too-large"


def _claiming(length: int) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        for name, value in (
            ("Content-Length", str(length)),
            ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("ETag", '"a"'),
        ):
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(bytes(1_000))
        request.close_connection = True

    return answer


def test_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Its events wait; credentials are in no message."""
    reach(monkeypatch, "http://127.0.0.1:1")
    with pytest.raises(HostUnavailable) as away:
        fetch(f"{scheme}://{BUCKET}/a.jpg")
    assert away.value.attempts == LIMITS.attempts
    assert KEY not in str(away.value)


@pytest.mark.parametrize("url", ["s3://other/a.jpg", "gs://shop-pictures.evil/a.jpg", "s3://me:secret@shop-pictures/a"])
def test_a_bucket_that_was_not_named(url: str) -> None:
    """Refused with the setting's name, by workers and by `publish`; without the setting every bucket is."""
    for buckets in (NAMES, ()):
        with pytest.raises(BadMessage, match="LOOKALIKE_IMAGE_BUCKETS") as bad:
            fetch(url, buckets=buckets)
        assert bad.value.reason == "image-refused"
        assert "secret" not in bad.value.error
        assert "LOOKALIKE_IMAGE_BUCKETS" in (why_not_fetchable(url, buckets) or "")
    assert "LOOKALIKE_IMAGE_BUCKETS" in (why_not_fetchable(f"s3://{BUCKET}/a.jpg") or "")
    assert why_not_fetchable(f"s3://{BUCKET}/a.jpg", NAMES) is None
    assert why_not_fetchable(f"s3://{BUCKET}/", NAMES) == "it has no key"
