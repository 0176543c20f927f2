"""Interactions over HTTP: all or none, answered once Kafka has them, with a token and limits."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from awaiting import eventually
from behaviour.server.conftest import TOKEN, Shop
from program import failed, run
from schemas.interaction import interaction
from serving import Server
from streams.settings import Settings
from workers.local.ports import free_port

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def action(request_id: str, event: str = "click", **more: Any) -> dict[str, Any]:
    """An interaction with a listing."""
    return {"event": event, "event_id": uuid.uuid4().hex, "request_id": request_id, "listing_id": "m2", **more}


def post(served: Server, body: Any, headers: dict[str, str] = BEARER) -> httpx.Response:
    """The answer to interactions, sent no faster than they are taken."""

    def answer() -> httpx.Response | None:
        got = served.client.post("/v1/interactions", json=body, headers=headers)
        return None if got.status_code == 429 else got

    found = eventually(answer, "taken in", seconds=20)
    assert found is not None
    return found


def test_taken_in(market: Shop, served: Server) -> None:
    """One, or many; each is in Kafka by its shelf's id when the answer comes, with a time where it had none."""
    request_id = served.similar("m1")["request_id"]
    assert post(served, action(request_id)).status_code == 202
    several = [
        {"event": "seen", "event_id": "s1", "request_id": request_id, "positions": [1, 2, 3]},
        *(action(request_id, kind, at="2026-11-01T00:00:00Z") for kind in ("like", "purchase", "cancel")),
    ]
    answer = post(served, [{**each, "at": datetime.now(UTC).isoformat()} for each in several])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 4})
    market.recorded(request_id)
    kept = [interaction(each.value or b"") for each in market.records(request_id)]
    assert sorted(each.event for each in kept) == ["cancel", "click", "like", "purchase", "seen", "shelf"]
    assert all(abs(each.at - datetime.now(UTC)) < timedelta(minutes=1) for each in kept)


def test_the_token(market: Shop, served: Server) -> None:
    """Without it, or with another, nothing is taken in."""
    before = len(market.tail.read())
    for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": TOKEN}):
        answer = served.client.post("/v1/interactions", json=action("r1"), headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (401, "token")
    assert len(market.tail.read()) == before


def test_refusals(market: Shop, served: Server) -> None:
    """One bad one refuses all of its request; nothing of it is in Kafka."""
    request_id = uuid.uuid4().hex
    good = action(request_id)
    shelf = {"event": "shelf", "request_id": request_id, "at": "2026-11-24T00:00:00Z", "items": []}
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for body in (
        [good, action(request_id, "stare")],
        [good, shelf],
        [good, {**good, "listing_id": "a b"}],
        [],
        "click",
        [good, {**good, "at": late}],
        [good, {**good, "at": "1970-01-01T00:00:00Z"}],
        [good] * 21,
        [good, 5],
    ):
        answer = post(served, body)
        assert (answer.status_code, answer.json()["reason"]) == (422, "interactions"), answer.text
    sent = served.client.post("/v1/interactions", content=b"{}", headers={**BEARER, "Content-Type": "text/plain"})
    assert sent.status_code == 415
    huge = served.client.post("/v1/interactions", json=[{**good, "x": "y" * 1_000_000}], headers=BEARER)
    assert huge.status_code == 413
    assert market.records(request_id) == []


def test_the_rate(served: Server) -> None:
    """More than so many a second are told when to come back."""
    answers = [served.client.post("/v1/interactions", json=[action("r2")] * 20, headers=BEARER) for _ in range(12)]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert all(int(each.headers["Retry-After"]) >= 1 for each in refused)
    assert served.metric("lookalike_serve_refused_interactions_total") >= 20 * len(refused)


def test_where_it_may_listen(stack: Settings) -> None:
    """Beyond loopback with a token alone; a taken port, an unknown anchor and wrong shares are said in one line."""
    bare = stack.model_copy(update={"prefix": "nothing_here_"})
    assert "LOOKALIKE_SERVE_TOKEN" in failed(run(bare, "serve", "--host", "0.0.0.0"), 2)
    taken = str(bare.kafka.rsplit(":", 1)[1])
    line = failed(run(bare, "serve", "--port", taken), 1)
    assert taken in line
    assert "--port" in line
    assert "--anchor" in failed(run(bare, "serve", "--interleave", "0.1"), 2)
    shares = ("--anchor", "a@0123456789ab", "--interleave", "0.6", "--explore", "0.6")
    assert "at most 1" in failed(run(bare, "serve", *shares), 2)
    line = failed(run(bare, "serve", "--port", str(free_port()), "--anchor", "none@0123456789ab"), 2)
    assert "listings_none_0123456789ab" in line
