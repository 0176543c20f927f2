"""Drawn and interleaved shelves: as recorded, they can be drawn again from their request ids."""

from collections import Counter
from typing import get_args

from behaviour.server.conftest import Shop, rows_of
from catalogue import Tail, next_prefix
from rows import row
from schemas.interaction import Team
from serving import Server, ids, server, stocked
from streams.keyed_hash import read_hash_key
from streams.settings import Settings
from streams.topics import INTERACTIONS, create
from workers.server.exploration import Exploration, explore
from workers.server.seeded_random import SeededRandom
from workers.server.team_draft import team_draft

ANCHOR = "anchor@0123456789ab"
RUNS = 30
TEAMS = get_args(Team)


def test_drawn_and_interleaved(stack: Settings, vectors: list[list[float]]) -> None:
    """Half and half: each shelf's plan, order, probabilities and teams follow from its request id and the key."""
    settings = stack.model_copy(update={"prefix": next_prefix()})
    create(settings)
    live = stocked(settings, "live@0123456789ab", len(vectors[0]), rows_of(vectors))
    turned = [[*vector[1:], vector[0]] for vector in vectors[:30]]  # another opinion of likeness; it lacks m30 … m39
    anchor = stocked(settings, ANCHOR, len(vectors[0]), rows_of(turned))
    tail = Tail(settings, INTERACTIONS)
    shop = Shop(settings, live, tail)
    arguments = (
        "--anchor",
        anchor.listings,
        "--interleave",
        "0.5",
        "--explore",
        "0.5",
        "--explore-by",
        "shuffle",
        "--explore-top",
        "4",
        "--per-seller",
        "2",
    )
    with server(settings, *arguments) as served:
        _rankings_meet(served, shop)
        lone = [served.similar("m35") for _ in range(RUNS)]  # in the live collection alone
        assert {each["drawn"] for each in lone} == {"no", "shuffle"}
        assert served.metric("lookalike_serve_missed_interleavings_total") > 0
        assert served.health()["anchor"] == ANCHOR
    tail.close()


def _rankings_meet(served: Server, shop: Shop) -> None:
    """Each answer is the one order that its request id draws from the two rankings."""
    key, how = read_hash_key(shop.settings), Exploration("shuffle", 4)
    shelves = [served.similar("m1", k=6) for _ in range(RUNS)]
    drawn = Counter(each["drawn"] for each in shelves)
    assert set(drawn) == {"shuffle", "interleave"}
    teams = Counter[str | None]()
    for each in shelves:
        random, kept = SeededRandom(key, each["request_id"]), shop.recorded(each["request_id"])
        interleaved = random.uniform("plan") < 0.5
        assert each["drawn"] == kept.drawn == ("interleave" if interleaved else "shuffle")
        assert [item.listing_id for item in kept.items] == ids(each)
        assert kept.anchor == each["anchor"] == (ANCHOR if interleaved else None)
        if interleaved:
            mine, theirs = ([item.listing_id for item in kept.items if item.team == team] for team in TEAMS)
            again = team_draft(mine, theirs, 6, lambda random=random: random.bernoulli("team"), lambda _: True)  # type: ignore[misc]
            assert [(item.listing_id, item.team) for item in kept.items] == again
            assert all(item.propensity is None for item in kept.items)
            teams.update(item.team for item in kept.items)
        else:
            places = {item.listing_id: item for item in kept.items}
            ranking = sorted(places, key=lambda each: -(places[each].score or 0))
            assert [(item.listing_id, item.propensity) for item in kept.items] == explore(ranking, how, random)
            assert [item.propensity for item in kept.items] == [0.25] * 4 + [1.0] * 2
    assert teams["live"] == teams["anchor"] == 3 * drawn["interleave"]


def test_on_the_standalone(stack: Settings, standalone: str) -> None:
    """The same answers from a Milvus server: by listing, with caps, a floor and diversity."""
    settings = stack.model_copy(update={"prefix": next_prefix(), "milvus": standalone})
    create(settings)
    rows = [row(f"m{n}", [1, n / 50, 0, 0], seller_id=f"s{n % 3}") for n in range(40)]
    stocked(settings, "plain@0123456789ab", 4, rows)
    with server(settings) as served:
        assert ids(served.similar("m0", k=3)) == ["m1", "m2", "m3"]
        assert ids(served.similar("m0", k=3, other_sellers=True)) == ["m1", "m2", "m4"]
        assert ids(served.similar("m0", k=9, per_seller=1)) == ["m1", "m2", "m3"]
        assert ids(served.similar("m0", k=40, min_score=0.9999)) == []
        assert len(ids(served.similar("m0", k=5, diversity=0.5))) == 5
        assert served.client.get("/v1/listings/nobody/similar").status_code == 404
        assert served.health()["state"] == "degraded"  # it has not the model that made these vectors
