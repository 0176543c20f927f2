"""Drawn orders: each logged probability is exactly how often the item stands there."""

from collections import Counter
from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.keyed_hash import HashKey
from workers.server.exploration import Exploration, explore, shuffle_probability, shuffled, swap_probability, swapped
from workers.server.seeded_random import SeededRandom

KEY = HashKey("a key of the tests, long enough")


class Coins(SeededRandom):
    """Coins that fall as they are told, and how many were thrown."""

    def __init__(self, falls: tuple[bool, ...]) -> None:
        self.falls, self.thrown = falls, 0

    def bernoulli(self, purpose: str) -> bool:  # noqa: ARG002 - as the real ones
        self.thrown += 1
        return self.falls[self.thrown - 1]


def test_swaps_by_enumeration() -> None:
    """Over every fall of every coin, each weighed by its likelihood, the items stand where and as often as said."""
    for count in range(9):
        there: Counter[tuple[int, int]] = Counter()
        for falls in product((False, True), repeat=1 + count // 2):
            coins = Coins(falls)
            order = swapped(count, coins)
            for place, rank in enumerate(order):  # coins that were not thrown: those outcomes come once for each fall
                there[rank, place] += 1
        worlds = 2 ** (1 + count // 2)
        for rank, place in product(range(count), repeat=2):
            assert Fraction(there[rank, place], worlds) == Fraction(swap_probability(count, rank, place))


def test_shuffles_by_enumeration() -> None:
    """Over every draw of Fisher and Yates each order comes once, so each place is as likely."""

    class Draws(SeededRandom):
        def __init__(self, draws: tuple[int, ...]) -> None:
            self.draws = list(draws)

        def randrange(self, count: int, purpose: str) -> int:  # noqa: ARG002 - as the real ones
            return self.draws.pop(0)

    for count in range(6):
        orders = Counter(
            tuple(shuffled(count, Draws(draws))) for draws in product(*(range(n) for n in range(count, 1, -1)))
        )
        assert orders == Counter(permutations(range(count)))
        for rank, place in product(range(count), repeat=2):
            here = sum(each for order, each in orders.items() if order[place] == rank)
            assert (
                Fraction(here, orders.total()) == Fraction(shuffle_probability(count, rank, place)).limit_denominator()
            )


@pytest.mark.parametrize("kind", ["swap", "shuffle"])
def test_simulated(kind: str) -> None:
    """Drawn from 20,000 request ids, each share is within five standard errors of the probability that was logged."""
    how = Exploration("swap" if kind == "swap" else "shuffle", top=4)
    runs, seen, said = 20_000, Counter[tuple[int, int]](), dict[tuple[int, int], float]()
    for number in range(runs):
        for place, (rank, probability) in enumerate(explore(range(6), how, SeededRandom(KEY, f"r{number}"))):
            seen[rank, place] += 1
            assert said.setdefault((rank, place), probability) == probability
    for at, count in seen.items():
        error = (said[at] * (1 - said[at]) / runs) ** 0.5
        assert abs(count / runs - said[at]) <= 5 * error
    assert sum(said.values()) == pytest.approx(6)
    assert (said[4, 4], said[5, 5]) == (1, 1)


@given(st.integers(0, 30), st.integers(1, 40), st.sampled_from(["swap", "shuffle"]), st.text(max_size=8))
def test_the_same_items(count: int, top: int, kind: str, request_id: str) -> None:
    """Each item once, none beyond the top moved, and the same again from the same request id."""
    how = Exploration("swap" if kind == "swap" else "shuffle", top)
    drawn = explore(range(count), how, SeededRandom(KEY, request_id))
    assert sorted(rank for rank, _ in drawn) == list(range(count))
    assert [rank for rank, _ in drawn[top:]] == list(range(top, count))
    assert all(0 < probability <= 1 for _, probability in drawn)
    assert explore(range(count), how, SeededRandom(KEY, request_id)) == drawn


def test_lots() -> None:
    """Even, apart for each purpose, and another key draws otherwise."""
    random = SeededRandom(KEY, "r1")
    first = [random.uniform("a") for _ in range(3)]
    assert len(set(first)) == 3
    assert [SeededRandom(KEY, "r1").uniform("a"), SeededRandom(KEY, "r1").uniform("b") == first[0]] == [first[0], False]
    assert SeededRandom(HashKey("another key of the tests"), "r1").uniform("a") != first[0]
    thirds = Counter(SeededRandom(KEY, f"r{number}").randrange(3, "x") for number in range(6_000))
    assert all(abs(each - 2_000) < 5 * (6_000 * 2 / 9) ** 0.5 for each in thirds.values())
    heads = sum(SeededRandom(KEY, f"r{number}").bernoulli("x") for number in range(6_000))
    assert abs(heads - 3_000) < 5 * 1_500**0.5
