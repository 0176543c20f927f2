"""Policies over plain candidates: what is left out, what is capped, what is named."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.milvus.candidates import Candidate, search_until_enough
from workers.server.diversity import mmr
from workers.server.policy import Caps, Policy, rank


def nothing_hidden(*_: object) -> bool:
    """Nothing was taken down."""
    return False


def at(degrees: float, name: str = "", **fields: Any) -> Candidate:
    """A candidate so far from the query."""
    turn = math.radians(degrees)
    vector = np.array([math.cos(turn), math.sin(turn)], np.float32)
    name = name or f"l{degrees:g}"
    return Candidate(name, math.cos(turn), **{"image_hash": name, "vector": vector, **fields})


candidates = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 5), st.integers(0, 8)), max_size=40).map(
    lambda drawn: [
        at(degrees, f"l{number}", seller_id=f"s{seller}" if seller else "", image_hash=f"h{picture}")
        for number, (degrees, seller, picture) in enumerate(sorted(drawn))
    ]
)
policies = st.builds(
    Policy,
    k=st.integers(1, 12),
    per_seller=st.integers(0, 3),
    one_picture=st.booleans(),
    min_score=st.none() | st.floats(0, 1),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
)


def names(found: list[Candidate]) -> list[str]:
    """The listings, in order."""
    return [each.listing_id for each in found]


@given(candidates, policies, st.sampled_from([None, "h1"]))
def test_every_promise_is_kept(found: list[Candidate], policy: Policy, picture: str | None) -> None:
    """Hidden ones, poor ones, twins and what is over the cap are never shown; what could be shown is not missing."""

    def hides(listing_id: str, *_: object) -> bool:
        return listing_id == "l1"

    shelf = rank(found, policy, policy.k, hides=hides, picture=picture)
    assert len(shelf) <= policy.k
    assert len({each.listing_id for each in shelf}) == len(shelf)
    assert "l1" not in names(shelf)
    if policy.min_score is not None:
        assert all(each.score >= policy.min_score for each in shelf)
    if policy.one_picture:
        pictures = [each.image_hash for each in shelf]
        assert len(set(pictures)) == len(pictures)
        assert picture not in pictures
    if policy.per_seller:
        sellers = Counter(each.seller_id for each in shelf if each.seller_id)
        assert max(sellers.values(), default=0) <= policy.per_seller
    if not policy.diversity:
        assert all(one.score >= other.score for one, other in pairwise(shelf))
    if len(shelf) < policy.k:  # then each that is left out has its reason
        caps = Caps(policy, picture)
        assert all(caps.take(each) for each in shelf)
        for each in found:
            poor = policy.min_score is not None and each.score < policy.min_score
            assert each.listing_id in names(shelf) or poor or each.listing_id == "l1" or not caps.take(each)


@given(candidates, policies)
def test_fewer_are_the_first_of_more(found: list[Candidate], policy: Policy) -> None:
    """A longer shelf begins as the shorter one does: interleaving asks for more than it shows."""
    more = rank(found, policy, 2 * policy.k, hides=nothing_hidden)
    assert names(rank(found, policy, policy.k, hides=nothing_hidden)) == names(more)[: policy.k]


def test_diversity_by_hand() -> None:
    """Five alike and one apart: with a weight the one apart comes second, without it last."""
    found = [*(at(degrees) for degrees in (0, 1, 2, 3, 4)), at(40)]
    assert names(rank(found, Policy(k=3), 3, hides=nothing_hidden)) == ["l0", "l1", "l2"]
    assert names(rank(found, Policy(k=3, diversity=0.6), 3, hides=nothing_hidden))[:2] == ["l0", "l40"]


@given(candidates, st.floats(0, 1), st.integers(0, 12))
def test_mmr_is_its_definition(found: list[Candidate], weight: float, k: int) -> None:
    """Each choice has the highest value there is at that moment, computed plainly."""
    scores = np.array([each.score for each in found])
    vectors = np.array([each.vector for each in found], np.float32).reshape(len(found), 2)
    chosen = mmr(scores, vectors, weight, k)
    assert len(chosen) == len(set(chosen)) == min(k, len(found))

    def value(number: int, before: list[int]) -> float:
        nearest = max((float(vectors[number] @ vectors[other]) for other in before), default=0.0)
        return float((1 - weight) * scores[number] - weight * nearest)

    for place, number in enumerate(chosen):
        before = chosen[:place]
        best = max(value(other, before) for other in range(len(found)) if other not in before)
        assert value(number, before) >= best - 1e-5


def test_names() -> None:
    """Equal options have one name, different ones different names; what visitors filter by is not in it."""
    policy = Policy(k=12, per_seller=2, other_sellers=True, min_score=0.35, diversity=0.2, include_sold=True)
    assert policy.name == "k12.ef128.seller2.others.floor0.35.mmr0.2.sold"
    assert replace(policy, category="a").name == replace(policy, category="b").name != policy.name
    assert Policy().name == "k10.ef128"
    assert Policy(k=200).name == "k200.ef220"
    assert len(replace(policy, one_picture=False, category="a", max_price=1, currency="EUR").name) <= 128


def test_filters() -> None:
    """The query, and where it is wished its seller, are left out in Milvus already."""
    assert Policy().filter(without="m1", seller_id="s1") == 'status == "on_sale" and listing_id != "m1"'
    assert Policy(other_sellers=True, include_sold=True).filter(without=None, seller_id='a"b') == (
        'status in ["on_sale", "reserved", "sold_out"] and seller_id != "a\\"b"'
    )
    assert Policy(other_sellers=True).filter(without=None, seller_id="") == 'status == "on_sale"'


def test_enough_is_asked_for() -> None:
    """More where too little is left, no more where the rest is too far or where there is no more."""
    stock = [at(number / 10, f"l{number}") for number in range(2_000)]
    asked: list[int] = []

    def ask(limit: int) -> list[Candidate]:
        asked.append(limit)
        return stock[:limit]

    def odd(found: list[Candidate]) -> list[Candidate]:
        return [each for each in found if int(each.listing_id[1:]) >= 25]

    assert names(search_until_enough(ask, odd, wanted=3, first=20)) == ["l25", "l26", "l27"]
    assert asked == [20, 320]
    asked.clear()
    assert search_until_enough(ask, lambda _: [], wanted=3, first=20, floor=math.cos(math.radians(1))) == []
    assert asked == [20]
    asked.clear()
    assert search_until_enough(ask, lambda _: [], wanted=3, first=20) == []
    assert asked == [20, 320, 16_384]
