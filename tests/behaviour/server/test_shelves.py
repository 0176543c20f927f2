"""Shelves over HTTP: what is on them, that each is recorded as it was shown, and what is refused."""

import io
import re
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import httpx
import pytest
from PIL import Image

from awaiting import eventually
from behaviour.server.conftest import Shop
from pictures import jpeg
from rows import row
from schemas.takedown import Takedown
from serving import Server, ids, stocked
from streams.interactions import pseudonym
from streams.keyed_hash import read_hash_key
from streams.takedowns import write_takedowns
from workers.milvus.client import connect


def test_by_listing(market: Shop, served: Server) -> None:
    """The nearest on sale first, itself and its very picture left out, as the row says."""
    shelf = served.similar("m30", k=30)
    assert (shelf["model"], shelf["policy"], shelf["drawn"], shelf["query"]) == (
        market.collections.model_id,
        "k30.ef128",
        "no",
        "m30",
    )
    assert len(ids(shelf)) == len(set(ids(shelf))) == 30
    assert not {"m30", "m31", "m9", "m19", "m29", "m39"} & set(ids(shelf))
    scores = [each["score"] for each in shelf["items"]]
    assert scores == sorted(scores, reverse=True)
    assert [each["position"] for each in shelf["items"]] == list(range(1, 31))
    first = shelf["items"][0]
    number = int(first["listing_id"][1:])
    assert (first["title"], first["price_minor"], first["currency"], first["status"], first["image_url"]) == (
        f"title of m{number}",
        100 * number,
        "EUR",
        "on_sale",
        "file:///a.jpg",
    )


def test_recorded_as_shown(market: Shop, served: Server) -> None:
    """The record equals the answer; ids of people are in it as keyed hashes alone."""
    before = datetime.now(UTC)
    headers = {"X-Lookalike-User": "ann@example.com", "X-Lookalike-Session": "cookie 1"}
    told = {"surface": "listing-page", "layout": "row", "app_version": "7.1", "variant": "b"}
    shelf = served.similar("m2", headers, k=5, per_seller=1, **told)
    kept = market.recorded(shelf["request_id"])
    assert [(each.listing_id, each.position, each.score) for each in kept.items] == [
        (each["listing_id"], each["position"], each["score"]) for each in shelf["items"]
    ]
    for name in ("request_id", "model", "policy", "drawn", "anchor", "query_kind", "query"):
        assert getattr(kept, name) == shelf[name]
    assert {name: getattr(kept, name) for name in told} == told
    assert (kept.category, kept.seller_id) == ("all/even", "s2")
    assert before <= kept.at <= before + timedelta(minutes=1)
    number = int(kept.items[0].listing_id[1:])
    assert (kept.items[0].seller_id, kept.items[0].status, kept.items[0].listed_at, kept.items[0].propensity) == (
        f"s{number % 10}",
        "on_sale",
        1_000 + number,
        None,
    )
    assert kept.user == pseudonym(read_hash_key(market.settings), "ann@example.com")
    assert kept.session
    record = market.records(shelf["request_id"])[0]
    assert b"ann@" not in (record.value or b"")
    assert b"cookie" not in (record.value or b"")
    assert record.source.partition == _murmur2_partition(shelf["request_id"], 12)


def test_by_picture_and_text(market: Shop, served: Server) -> None:
    """Encoded by the live model: a copy of a picture finds its listing first; as a body, in a form, and by words."""
    picture = jpeg(4)
    body = served.client.post("/v1/similar?k=3", content=picture, headers={"Content-Type": "image/jpeg"})
    form = served.client.post("/v1/similar?k=3", files={"image": ("a.jpg", picture, "image/jpeg")})
    text = served.client.post("/v1/similar?k=3", json={"text": "a red square"})
    for answer in (body, form):
        assert answer.status_code == 200, answer.text
        assert ids(answer.json())[0] == "m4"
        assert answer.json()["items"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert text.status_code == 200, text.text
    assert len(ids(text.json())) == 3
    kinds = [market.recorded(each.json()["request_id"]).query_kind for each in (body, text)]
    assert kinds == ["picture", "text"]


def test_hidden_is_never_shown(market: Shop, served: Server, wide: Server) -> None:
    """Whatever is asked for: not on a shelf, and as a query in the very words of a listing that never was."""
    hidden = {"hidden1", "hidden2"}
    for options in ({}, {"category": "all/odd"}, {"diversity": 0.5}, {"one_picture": False}, {"include_sold": True}):
        assert not hidden & set(ids(wide.similar("m1", k=100, **options))), options
    unknown = served.client.get("/v1/listings/nobody/similar")
    for server in (served, wide):
        told = server.client.get("/v1/listings/hidden1/similar")
        assert (told.status_code, told.content) == (404, unknown.content)
        assert told.headers.keys() == unknown.headers.keys()
    by_picture = wide.client.post("/v1/similar?k=100", content=jpeg(1), headers={"Content-Type": "image/jpeg"})
    assert by_picture.status_code == 200
    assert not hidden & set(ids(by_picture.json()))


def test_policies(market: Shop, served: Server, wide: Server) -> None:
    """Each option does what it says, and the policy's name tells of it."""
    sold = {"m9", "m19", "m29", "m39"}
    assert sold & set(ids(served.similar("m1", k=30, category="all/odd"))) == set()
    assert sold <= set(ids(wide.similar("m1", k=30, category="all/odd")))
    assert not sold & set(ids(wide.similar("m1", k=30, category="all/odd", include_sold=False)))
    assert all(int(each[1:]) % 2 == 0 for each in ids(served.similar("m1", k=30, category="all/even")))
    cheap = served.similar("m1", k=30, max_price=500, currency="EUR")
    assert set(ids(cheap)) == {"m0", "m2", "m3", "m4", "m5"}
    sellers = Counter(int(each[1:]) % 10 for each in ids(served.similar("m1", k=30, per_seller=1)))
    assert max(sellers.values()) == 1
    assert len(sellers) == 9  # nobody is left of s9: all sold
    assert all(int(each[1:]) % 10 != 1 for each in ids(served.similar("m1", k=30, other_sellers=True)))
    twins = [ids(wide.similar("m30", k=30, category="all/odd", one_picture=each)) for each in (True, False)]
    assert ["m31" in each for each in twins] == [False, True]
    plain, diverse = served.similar("m1", k=10), served.similar("m1", k=10, diversity=0.8)
    assert ids(plain)[0] == ids(diverse)[0]
    assert ids(plain) != ids(diverse)
    assert diverse["policy"] == "k10.ef128.mmr0.8"
    nothing = served.similar("m1", min_score=0.9999)
    assert (nothing["items"], nothing["policy"]) == ([], "k10.ef128.floor0.9999")
    assert market.recorded(nothing["request_id"]).items == ()


def _post(served: Server, data: bytes, kind: str = "image/png") -> httpx.Response:
    return served.client.post("/v1/similar", content=data, headers={"Content-Type": kind})


def _bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 10,000 × 10,000 pixels."""
    buffer = io.BytesIO()
    Image.new("1", (1, 1)).save(buffer, "PNG")
    png = bytearray(buffer.getvalue())
    png[16:24] = (10_000).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    return bytes(png)


def test_refusals(served: Server) -> None:
    """Each says why, in a word and a sentence, and nothing of ours breaks."""

    def get(**options: Any) -> httpx.Response:
        return served.client.get("/v1/listings/m1/similar", params=options)

    expected = [
        (get(k=31), 422, "options"),
        (get(k=0), 422, "options"),
        (get(color="red"), 422, "options"),
        (get(max_price=5), 422, "options"),
        (get(min_score="nan"), 422, "options"),
        (get(diversity=2), 422, "options"),
        (get(include_sold=True), 422, "options"),
        (get(one_picture=False), 422, "options"),
        (_post(served, b'{"text": "red", "k": 3}', "application/json"), 422, "text"),
        (_post(served, b"x" * 20_001), 413, "body-too-large"),
        (_post(served, _bomb()), 413, "image-too-large"),
        (_post(served, b"<html>"), 422, "image-undecodable"),
        (_post(served, b"GIF8", "image/gif"), 415, "media-type"),
        (_post(served, jpeg(1)[:400], "image/jpeg"), 422, "image-undecodable"),
        (_post(served, b"{", "application/json"), 422, "text"),
        (_post(served, b'{"text": ""}', "application/json"), 422, "text"),
        (_post(served, b"--x\r\n", "multipart/form-data"), 422, "form"),
        (served.client.post("/v1/similar", files={"other": b"x"}), 422, "form"),
        (served.client.post("/v1/similar", files={"image": b"x" * 40_000}), 413, "body-too-large"),
    ]
    for answer, status, reason in expected:
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
        assert answer.json()["detail"]
    assert served.similar("m1")


def test_strangers(served: Server) -> None:
    """A page that reached loopback under a name of its own, or that another site sent: nothing is done for them."""
    click = {"event": "click", "event_id": "e", "request_id": "r", "listing_id": "m1"}
    refused = served.metric("lookalike_serve_foreign_requests_total")
    shelves = served.metric("lookalike_serve_shelves_total")
    for headers, status, reason in (
        ({"Host": "evil.example"}, 421, "host"),
        ({"Origin": "https://evil.example"}, 403, "origin"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "origin"),
    ):
        for answer in (
            served.client.get("/v1/listings/m1/similar", headers=headers),
            served.client.post("/v1/interactions", json=click, headers=headers),
            served.client.get("/health", headers=headers),
        ):
            assert (answer.status_code, answer.json()["reason"]) == (status, reason), headers
    assert served.metric("lookalike_serve_foreign_requests_total") == refused + 12
    assert served.metric("lookalike_serve_shelves_total") == shelves


def test_taken_down(market: Shop, served: Server) -> None:
    """Out of every answer, and as a query in the very words of a listing that never was; undone, it is back."""
    unknown = served.client.get("/v1/listings/nobody/similar")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "not-indexed")
    entry = Takedown(kind="listing", value="m6", at=datetime.now(UTC))
    assert "m6" in ids(served.similar("m8", k=30))
    write_takedowns(market.settings, [(entry.key, entry)])
    eventually(lambda: "m6" not in ids(served.similar("m8", k=30)), "out of the answers", seconds=15)
    gone = served.client.get("/v1/listings/m6/similar")
    assert (gone.status_code, gone.content) == (404, unknown.content)
    eventually(lambda: served.health()["takedowns"]["count"] == 1, "health says so", seconds=5)
    write_takedowns(market.settings, [(entry.key, None)])
    eventually(lambda: "m6" in ids(served.similar("m8", k=30)), "back in the answers", seconds=15)
    assert served.similar("m6")


def test_a_swap_is_followed(market: Shop, served: Server) -> None:
    """The alias moves to another model, of other dimensions: listings are answered from it, and nothing is encoded."""
    other = stocked(market.settings, "other@0123456789ab", 3, [row(f"n{n}", [1, n / 10, 0]) for n in range(5)])
    client, alias = connect(market.settings), market.settings.named("listings")
    try:
        client.alter_alias(other.listings, alias)
        eventually(lambda: served.health()["model"] == other.model_id, "the swap is seen", seconds=15)
        assert ids(served.similar("n0", k=2)) == ["n1", "n2"]
        assert served.similar("n0")["model"] == other.model_id
        assert served.client.get("/v1/listings/m1/similar").status_code == 404
        refused = served.client.post("/v1/similar", json={"text": "red"})
        assert (refused.status_code, refused.json()["reason"]) == (503, "later")
        assert other.model_id in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
        assert (served.health()["state"], served.health()["encodes"]) == ("degraded", False)
    finally:
        client.alter_alias(market.collections.listings, alias)
        client.close()
    eventually(lambda: served.health()["encodes"], "the swap back is seen", seconds=15)
    assert served.similar("m1")["model"] == market.collections.model_id


def test_pages_for_people_and_programs(served: Server) -> None:
    """The OpenAPI page, its document, health and metrics."""
    page = served.client.get("/docs")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "openapi.json" in page.text
    assets = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(assets) == 3
    for address in assets:  # nothing is loaded from elsewhere
        assert address.startswith("/docs/assets/")
        assert served.client.get(address).status_code == 200
    assert "default-src 'none'; connect-src 'self'" in page.headers["Content-Security-Policy"]
    document = served.client.get("/openapi.json").json()
    assert document["info"]["version"] == version("lookalike")
    paths = document["paths"]
    assert {"/v1/listings/{listing_id}/similar", "/v1/similar", "/v1/interactions"} <= set(paths)
    kinds = paths["/v1/similar"]["post"]["requestBody"]["content"]
    assert {"application/json", "image/jpeg", "multipart/form-data"} <= set(kinds)
    assert served.health()["state"] == "running", served.health()
    before = served.metric("lookalike_serve_shelves_total")
    served.similar("m1")
    assert served.metric("lookalike_serve_shelves_total") == before + 1
    assert served.client.get("/nowhere").status_code == 404


def _murmur2_partition(key: str, count: int) -> int:
    """Where Java's clients put a key."""
    data, m = key.encode(), 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & 0xFFFFFFFF
    for start in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = (h * m & 0xFFFFFFFF) ^ k
    rest = data[len(data) // 4 * 4 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return ((h ^ h >> 15) & 0x7FFFFFFF) % count
