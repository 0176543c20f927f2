"""Messages that can't be done: each becomes a dead letter with its raw bytes, and the stream goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalogue import Catalogue
from pictures import encoded, image, jpeg
from program import IndexWorker
from streams.topics import CREATED, RETRY, UPDATED
from web import Web

pytestmark = pytest.mark.usefixtures("worker")

GOOD: dict[str, Any] = {"listing_id": "k", "version": 1, "status": "on_sale", "title": "t", "image_urls": ["file:///x"]}


def changed(**fields: Any) -> bytes:
    """A good event but for `fields`."""
    return json.dumps({**GOOD, **fields}).encode()


UNREADABLE = {
    "not JSON": ("k", b"\x00\xff not JSON", (), "deserialize"),
    "half of it": ("k", changed()[:-20], (), "deserialize"),
    "no bytes": ("k", b"", (), "deserialize"),
    "a list": ("k", b"[1]", (), "schema"),
    "a missing field": ("k", b'{"listing_id": "k", "version": 1}', (), "schema"),
    "a wrong type": ("k", changed(version="1"), (), "schema"),
    "a version out of range": ("k", changed(version=2**63), (), "schema"),
    "a NaN price": ("k", changed(price_minor=float("nan"), currency="EUR"), (), "schema"),
    "a NaN attribute": ("k", changed(attributes={"a": float("nan")}), (), "schema"),
    "a price without currency": ("k", changed(price_minor=1), (), "schema"),
    "five megabytes": ("k", changed(title="x" * 5_000_000), (), "schema"),
    "nested too deep": ("k", b"[" * 100_000, (), "deserialize"),
    "half a surrogate": ("k", changed(title="\ud800"), (), "deserialize"),
    "another key": ("other", changed(), (), "key-mismatch"),
    "no key": (None, changed(), (), "key-mismatch"),
    "a key that is no text": (b"\xff\xfe", changed(), (), "key-mismatch"),
    "null without a version": ("k", None, (), "schema"),
    "null with a version that is no number": ("k", None, (("version", b"1.5"),), "schema"),
    "null with a version of 5,000 digits": ("k", None, (("version", b"9" * 5_000),), "schema"),
    "null with a version out of range": ("k", None, (("version", b"9999999999999999999"),), "schema"),
    "null without a key": (None, None, (("version", b"1"),), "schema"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read(shop: Catalogue, name: str) -> None:
    """It lies in the dead letters as it came, with where it stood and why; what follows in its partition is done."""
    key, value, headers, reason = UNREADABLE[name]
    raw = key.encode() if isinstance(key, str) else key
    topic = RETRY if key is None else UPDATED  # a compacted topic takes no record without a key
    source = shop.send(topic, key, value, headers, partition=1)
    letter, record = shop.letter_of(source)
    assert (letter.reason, letter.source, letter.attempts, letter.model) == (reason, source, 1, shop.model_id)
    assert letter.error
    assert len(letter.error) <= 1_000
    assert letter.worker
    assert (record.key, record.value) == (raw, value)
    shop.index(shop.event(shop.new_id(), 1, image_urls=[shop.picture(50)]), partition=1)


def test_headers_that_lie(shop: Catalogue) -> None:
    """Headers that pretend a first source, or attempts, in a form that is none, are not believed."""
    for name, text in (("source-partition", "²"), ("source-offset", "9" * 5_000), ("attempts", "9" * 5_000)):
        listing = shop.new_id()
        pretended = {"source-topic": "t", "source-partition": "0", "source-offset": "0", "source-timestamp": "0"}
        if name == "attempts":
            pretended = {}
        headers = [(each, value.encode()) for each, value in {**pretended, name: text}.items()]
        event = shop.event(listing, 1, image_urls=["file:///nowhere.jpg"])
        source = shop.send(CREATED, listing, json.dumps(event).encode(), headers)
        letter, _ = shop.letter_of(source)
        assert (letter.reason, letter.attempts) == ("image-refused", 1)


def test_a_replayed_letter_keeps_its_first_place(shop: Catalogue) -> None:
    """An event that was put back is ordered by where it first stood, and its attempts go on counting."""
    listing, urls = shop.new_id(), [shop.picture(51)]
    first = shop.publish(shop.event(listing, 1, title="first", image_urls=["file:///nowhere.jpg"]))
    letter, record = shop.letter_of(first)
    second = shop.index(shop.event(listing, 1, title="second", image_urls=urls))
    shop.send(RETRY, listing, record.value, [(name, value) for name, value in letter.headers()])
    shop.at_rest()
    assert shop.row(listing)["indexed_at"] == second["indexed_at"]
    third = shop.event(shop.new_id(), 1, image_urls=["file:///nowhere.jpg"])
    headers = [(name, value) for name, value in letter.headers() if name.startswith("source") or name == "attempts"]
    shop.send(RETRY, third["listing_id"], json.dumps(third).encode(), headers)
    shop.at_rest()
    letters = shop.letters()[first.topic, first.partition, first.offset]
    assert [each.attempts for each, _ in letters] == [1, 2]


PICTURES: dict[str, tuple[Callable[[Web], str], str]] = {
    "gone": (lambda web: web.url("/never.jpg"), "image-missing"),
    "forbidden": (lambda web: web.serve("/403.jpg", b"", status=403), "image-missing"),
    "not in the root": (lambda _: "file:///etc/hostname", "image-refused"),
    "another scheme": (lambda _: "ftp://example.com/a.jpg", "image-refused"),
    "a private host": (lambda _: "http://10.0.0.1/a.jpg", "image-refused"),
    "another port of an allowed host": (lambda _: "http://127.0.0.1:1/a.jpg", "image-refused"),
    "a redirect to the metadata service": (
        lambda web: web.redirect("/meta.jpg", "http://169.254.169.254/latest/"),
        "image-refused",
    ),
    "no address at all": (lambda _: "http://[::1", "image-refused"),
    "a NUL in its path": (lambda _: "file:///a%00b.jpg", "image-refused"),
    "HTML": (lambda web: web.serve("/page.jpg", b"<html><body>hello</body></html>"), "image-undecodable"),
    "nothing": (lambda web: web.serve("/empty.jpg", b""), "image-undecodable"),
    "half a JPEG": (lambda web: web.serve("/half.jpg", jpeg(52)[:400]), "image-undecodable"),
    "another format": (lambda web: web.serve("/a.gif", encoded(image(53), "GIF")), "image-undecodable"),
    "too many bytes": (lambda web: web.serve("/big.jpg", b"\xff" * 20_000_001), "image-too-large"),
    "a host that is busy for ever": (
        lambda web: web.serve("/busy.jpg", b"", status=503, Retry_After="0"),
        "fetch-exhausted",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_cannot_be_had(shop: Catalogue, web: Web, name: str) -> None:
    """The event is dead-lettered with its reason, the outcome says refused, and no row is made."""
    make, reason = PICTURES[name]
    event = shop.event(shop.new_id(), 1, image_urls=[make(web)])
    source = shop.publish(event)
    letter, record = shop.letter_of(source)
    assert letter.reason == reason, letter.error
    assert json.loads(record.value or b"") == event
    assert shop.outcome_of(source).outcome == "refused"
    assert shop.known(event["listing_id"]).row is None


@pytest.mark.parametrize(
    ("body", "kind", "came"),
    [
        (b"<html><body>hello</body></html>", "text/html", "HTML, 31 bytes, sent as text/html, HTTP 200"),
        (jpeg(52)[:400], "image/png", "JPEG, 400 bytes, sent as image/png, HTTP 200"),
        (encoded(image(53), "BMP"), "image/bmp", "BMP, 23094 bytes, sent as image/bmp, HTTP 200"),
        (encoded(image(53), "GIF"), "image/gif", "GIF, "),
        (b'{"error": "gone"}', "application/json", "JSON, 17 bytes, sent as application/json, HTTP 200"),
    ],
)
def test_a_letter_says_what_came(shop: Catalogue, web: Web, body: bytes, kind: str, came: str) -> None:
    """In place of a picture: what its first bytes say, its size, what its host calls it; and whose address it was, as
    it was published, but for its query."""
    path = f"/what,came%2Cfor%20{kind.replace('/', '-')}.jpg?signed=secret%2C"
    url = web.serve(path, body, kind=kind)
    letter, _ = shop.letter_of(shop.publish(shop.event(shop.new_id(), 1, image_urls=[url])))
    assert letter.reason == "image-undecodable"
    assert f"what came is {came}" in letter.error
    assert url.partition("?")[0] in letter.error
    assert "secret" not in letter.error


def test_a_busy_host_is_asked_again(shop: Catalogue, web: Web) -> None:
    """Four times in all, and the letter says so."""
    url = web.serve("/again.jpg", b"", status=429, Retry_After="0")
    letter, _ = shop.letter_of(shop.publish(shop.event(shop.new_id(), 1, image_urls=[url])))
    assert (letter.reason, letter.attempts, web.asked["/again.jpg"]) == ("fetch-exhausted", 4, 4)


def test_unknown_fields_are_no_error(shop: Catalogue) -> None:
    """A publisher of tomorrow may say more than we know, and null where it has nothing to say."""
    event = shop.event(shop.new_id(), 1, image_urls=[shop.picture(54)], colour="red", brand=None, price_minor=None)
    row = shop.index(event)
    assert (row["brand"], row["price_minor"], row["currency"]) == ("", 0, "")


def test_texts_as_long_as_they_may_be(shop: Catalogue) -> None:
    """The longest fields of the schema fit in a row, in characters of several bytes."""
    title, long = "景" * 1_000, "é" * 200
    event = shop.event(
        shop.new_id(),
        1,
        title=title,
        brand="景" * 200,
        seller_id="é" * 128,
        category=[long] * 9,
        attributes={"a" * 64: "é" * 1_000},
        image_urls=[shop.picture(55)],
    )
    row = shop.index(event)
    assert (row["title"], row["category"]) == (title, "/".join([long] * 9))


def test_nothing_was_said_to_be_away(shop: Catalogue, worker: IndexWorker) -> None:
    """Bad messages are no reason to wait or to end: the worker goes on."""
    assert worker.process.poll() is None
    assert not worker.events("waiting")
