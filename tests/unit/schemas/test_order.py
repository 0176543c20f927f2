"""The total order of events: the same winner in every order of arrival, and two equal orders are one record."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from schemas.order import Order
from schemas.source import Source

SOURCES = st.builds(
    Source,
    topic=st.sampled_from(["listing.created", "listing.updated"]),
    partition=st.integers(0, 2),
    offset=st.integers(0, 3),
    timestamp=st.integers(0, 2),
)
EVENTS = st.tuples(st.integers(0, 2), SOURCES)


def test_each_field_decides_only_when_those_before_it_are_equal() -> None:
    """Version, timestamp, topic, partition, offset: each outweighs all that follow it."""
    low, high = Order(1, 1_000, "a", 1, 1), Order(2, 2_000, "b", 2, 2)
    for number, name in enumerate(Order._fields):
        following = {each: getattr(high, each) for each in Order._fields[number + 1 :]}
        assert low._replace(**following) < low._replace(**{name: getattr(high, name)})


def test_numbers_are_compared_as_numbers() -> None:
    """Offset 10 is behind offset 9, and a timestamp of 13 digits behind one of 12."""
    nine, ten = (Source(topic="t", partition=0, offset=offset) for offset in (9, 10))
    assert Order.of(1, nine) < Order.of(1, ten)
    assert Order.of(1, nine.model_copy(update={"timestamp": 999_999_999_999})) < Order.of(
        1, ten.model_copy(update={"timestamp": 1_000_000_000_000, "offset": 0})
    )


@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_the_newest_does_not_depend_on_the_order_of_arrival(events: list[tuple[int, Source]]) -> None:
    """One winner over all permutations."""
    winners = {max(Order.of(*event) for event in arrived) for arrived in itertools.permutations(events)}
    assert len(winners) == 1


@given(EVENTS, EVENTS)
def test_equal_orders_are_one_record(one: tuple[int, Source], other: tuple[int, Source]) -> None:
    """Two events have the same order only if version and source are the same; the source can be read back."""
    assert (Order.of(*one) == Order.of(*other)) == (one == other)
    assert Order.of(*one).source == one[1]
