"""The server's parts, with plain values: what is live, how much passes, how it says that it fares."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.interaction import Drawn
from streams.errors import BadMessage, LookalikeError, SlowDown
from streams.keyed_hash import HashKey
from streams.settings import Settings
from workers.milvus.collection import Collections
from workers.server.health import HealthState, health_report
from workers.server.interaction_intake import allowed, checked
from workers.server.limits import BoundedExecutor, TokenBucket, Unavailable
from workers.server.live_collection import CACHE_SECONDS, LiveCollection
from workers.server.policy import Policy
from workers.server.randomisation import Shares, plan
from workers.server.request_options import Options
from workers.server.seeded_random import SeededRandom
from workers.server.sockets import address_of, bound, listen, require_token

ONE, OTHER = (
    Collections(f"{name}@0123456789ab", f"listings_{name}", f"tombstones_{name}") for name in ("one", "other")
)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_alias_is_believed_for_a_moment() -> None:
    """Asked for once in `CACHE_SECONDS`; then whatever it leads to; at once where it was forgotten."""
    clock, answers = Clock(), [ONE, OTHER, ONE]
    live = LiveCollection(lambda: answers.pop(0), clock)
    assert [live.now(), live.now()] == [ONE, ONE]
    clock.now += CACHE_SECONDS - 0.01
    assert live.now() == ONE
    clock.now += 0.01
    assert live.now() == OTHER
    live.forget()
    assert live.now() == ONE
    assert answers == []


def test_nobody_knows_what_is_live() -> None:
    """Not the last answer then; a failure is believed for a moment too, and then asked about again."""
    clock = Clock()
    answers: list[Collections | Exception | None] = [ONE, SlowDown("Milvus"), None, ONE]

    def ask() -> Collections | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    live = LiveCollection(ask, clock)
    assert live.now() == ONE
    for words in ("Milvus", "no model is live"):
        clock.now += CACHE_SECONDS
        for _ in range(2):
            with pytest.raises(SlowDown, match=words):
                live.now()
    clock.now += CACHE_SECONDS
    assert live.now() == ONE


def test_the_bucket() -> None:
    """As many as it holds at once, then as many as flow in; what may not pass takes nothing."""
    clock = Clock()
    bucket = TokenBucket(10, 20, clock)
    assert bucket.acquire(20) == 0
    assert bucket.acquire(5) == pytest.approx(0.5)
    clock.now += 0.5
    assert bucket.acquire(5) == 0
    clock.now += 1_000
    assert bucket.acquire(20) == 0
    assert bucket.acquire(1) > 0


def test_the_crew_has_an_end() -> None:
    """Beyond what may be in work at once, nobody waits: they are told to come back, until a thread is free."""

    async def run() -> None:
        listing_executor, gate = BoundedExecutor(threads=1, at_once=2), threading.Event()
        waiting = [asyncio.create_task(listing_executor.run(lambda: gate.wait(10))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many"):
            await listing_executor.run(lambda: 1)
        waiting[1].cancel()  # a visitor who leaves frees no thread
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many"):
            await listing_executor.run(lambda: 1)
        gate.set()
        assert await waiting[0]
        while True:
            try:
                assert await listing_executor.run(lambda: 3) == 3
                break
            except Unavailable:
                await asyncio.sleep(0.01)
        listing_executor.close()

    asyncio.run(run())


def test_options() -> None:
    """What a request leaves out is the server's; what it says wins, also a no."""
    defaults = Policy(k=7, per_seller=2, include_sold=True, min_score=0.5)
    assert Options().policy(defaults, 20) == defaults
    mine = Options(k=20, per_seller=1, include_sold=False, min_score=0.6, surface="x").policy(defaults, 20)
    assert mine == replace(defaults, k=20, per_seller=1, include_sold=False, min_score=0.6)
    for wrong in (Options(k=21), Options(max_price=5)):
        with pytest.raises(BadMessage):
            wrong.policy(defaults, 20)
    assert Options(max_price=5, currency="EUR").policy(defaults, 20).max_price == 5


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ({"include_sold": True}, {"include_sold": False}),
        ({"one_picture": False}, {"one_picture": True}),
        ({"per_seller": 0}, {"per_seller": 1}),
        ({"per_seller": 3}, {"per_seller": 2}),
        ({"other_sellers": False}, {"other_sellers": True}),
        ({"min_score": -1.0}, {"min_score": 0.5}),
        ({"min_score": 0.49}, {"min_score": 1.0}),
    ],
)
def test_a_request_only_narrows(wider: dict[str, Any], narrower: dict[str, Any]) -> None:
    """What the operator leaves out no parameter brings back; the same or less may be asked for."""
    defaults = Policy(per_seller=2, other_sellers=True, min_score=0.5)
    with pytest.raises(BadMessage, match=next(iter(wider))):
        Options(**wider).policy(defaults, 20)
    assert Options(**narrower).policy(defaults, 20) == replace(defaults, **narrower)
    assert Options(**wider).policy(Policy(include_sold=True, one_picture=False), 20).k == 10


def test_shares() -> None:
    """Plans come in the shares that were chosen, and never otherwise."""
    key, runs = HashKey("a key of the tests, long enough"), 4_000
    plans = [plan(SeededRandom(key, f"r{number}"), Shares(interleave=0.05, explore=0.2)) for number in range(runs)]
    expected: dict[Drawn, float] = {"interleave": 0.05, "swap": 0.2, "no": 0.75}
    for kind, share in expected.items():
        assert abs(plans.count(kind) - runs * share) < 5 * (runs * share * (1 - share)) ** 0.5
    assert {plan(SeededRandom(key, f"r{number}"), Shares()) for number in range(500)} == {"no"}
    assert {plan(SeededRandom(key, f"r{number}"), Shares(interleave=1)) for number in range(500)} == {"interleave"}


def test_interactions_are_checked() -> None:
    """Without a time they happened now; times that are not about now, shelves, and too many are refused."""
    click = {"event": "click", "event_id": "e", "request_id": "r", "listing_id": "m"}
    assert [each.at for each in checked(click, NOW, 5)] == [NOW]
    assert len(checked([click] * 5, NOW, 5)) == 5
    fine = {**click, "at": (NOW - timedelta(days=20)).isoformat()}
    assert checked(fine, NOW, 5)[0].at < NOW
    for wrong in (
        [],
        [click] * 6,
        "click",
        None,
        [None],
        {**click, "event": "shelf", "items": []},
        {**click, "event_id": ""},
        {**click, "at": (NOW + timedelta(minutes=11)).isoformat()},
        {**click, "at": "1999-01-01"},
        {**click, "at": "soon"},
        {**click, "postion": 3},
        {**click, "positions": [1]},
    ):
        with pytest.raises(BadMessage):
            checked(wrong, NOW, 5)


def test_the_token() -> None:
    """The very one, as a bearer's; any where there is none."""
    assert allowed("Bearer abc", "abc")
    assert allowed(None, "")
    for given in (None, "", "abc", "Bearer", "Bearer ", "Bearer abd", "bearer abc", "Bearer ábc"):
        assert not allowed(given, "abc")


def test_where_it_listens() -> None:
    """Anywhere on loopback; elsewhere with a token; a port has one owner."""
    bare = Settings()
    guarded = Settings(serve_token=SecretStr("x"))
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        require_token(bare, host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "shop.example.com", ""):
        with pytest.raises(LookalikeError, match="LOOKALIKE_SERVE_TOKEN"):
            require_token(bare, host)
        require_token(guarded, host)
    with bound("127.0.0.1", 0) as first:
        listen(first)
        port = first.getsockname()[1]
        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(LookalikeError, match=f"127.0.0.1:{port} can't be listened on"):
            bound("127.0.0.1", port)


def test_health() -> None:
    """Running; degraded where it answers but not as it should; waiting where it can't answer; each with why."""
    well = HealthState(
        model="one@0123456789ab",
        problem="",
        unencoded=None,
        anchor=None,
        takedowns=2,
        takedowns_age=0.5,
        stale_seconds=3_600,
        recorded=5,
        unrecorded=1,
        waiting=0,
        kafka="",
        seconds_up=7.77,
    )
    found = health_report(well)
    assert (found["state"], found["why"], found["takedowns"]) == ("running", [], {"count": 2, "age_seconds": 0.5})
    assert found["shelves"] == {"recorded": 5, "unrecorded": 1, "waiting": 0, "problem": None}
    for worse in (
        replace(well, kafka="timed out"),
        replace(well, unencoded="another model"),
        replace(well, takedowns_age=31),
    ):
        assert health_report(worse)["state"] == "degraded"
        assert len(health_report(worse)["why"]) == 1
    assert found["encodes"]
    assert not health_report(replace(well, unencoded="another model"))["encodes"]
    for worst in (replace(well, model=None, problem="Milvus is away"), replace(well, takedowns_age=float("inf"))):
        assert health_report(worst)["state"] == "waiting"
    assert health_report(replace(well, takedowns_age=float("inf")))["takedowns"]["age_seconds"] is None
