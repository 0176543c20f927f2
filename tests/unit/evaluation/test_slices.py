"""Slices by category, niche, surface, layout, variant, model, age and position; and what else is told of shelves."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from evaluated import of_day
from interactions import START, action, seen, shelf
from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import stats
from workers.evaluation.estimates import Figure, MinimumEvidence
from workers.evaluation.figures import Figures, evaluate, figures
from workers.evaluation.shelf_statistics import AGES, MORE, more_values
from workers.evaluation.shelves import STATUSES, Shelves, make_shelves

ANYTHING = replace(USUAL, minimum_evidence=MinimumEvidence(users=0, shelves=1), replicates=20)
CATEGORIES = ("", "fashion/bags", "fashion/bags/clutches", "fashion/bagsets", "toys")


def shelves() -> Shelves:
    """Six of one item, clicked as said."""
    return make_shelves(
        np.ones((6, 1)),
        grade=[[1], [0], [1], [0], [1], [0]],
        categories=CATEGORIES,
        category=[1, 2, 3, 4, 4, 0],
        surface=["app", "app", "web", "web", "web", ""],
        layout=["row", "grid", "row", "row", "row", ""],
        variant=["a", "b", "a", "b", "a", ""],
        model=["m@1", "m@1", "m@2", "m@2", "m@2", ""],
    )


def of(found: Figures, name: str = "DCG@5") -> dict[tuple[str, str], tuple[float, int]]:
    """By slice the value and the number of shelves."""
    told = {where: mine[name] for where, mine in found.by_slice.items() if name in mine}
    return {where: (each.value, each.shelves) for where, each in told.items() if isinstance(each, Figure)}


def test_each_slice() -> None:
    """Its own shelves and no others; what is not known is a slice without a name."""
    found = of(evaluate(shelves(), ANYTHING))
    half = pytest.approx(1 / 2)
    assert found == {
        ("all", ""): (half, 6),
        ("category", ""): (0, 1),
        ("category", "fashion"): (pytest.approx(2 / 3), 3),
        ("category", "toys"): (half, 2),
        ("surface", ""): (0, 1),
        ("surface", "app"): (half, 2),
        ("surface", "web"): (pytest.approx(2 / 3), 3),
        ("layout", ""): (0, 1),
        ("layout", "grid"): (0, 1),
        ("layout", "row"): (pytest.approx(3 / 4), 4),
        ("variant", ""): (0, 1),
        ("variant", "a"): (1, 3),
        ("variant", "b"): (0, 2),
        ("model", ""): (0, 1),
        ("model", "m@1"): (half, 2),
        ("model", "m@2"): (pytest.approx(2 / 3), 3),
    }


def test_niches_by_name() -> None:
    """Each with all below it, and nothing that only begins alike."""
    found = of(evaluate(shelves(), replace(ANYTHING, niches=("fashion/bags", "fashion/bags/clutches", "nowhere"))))
    niches = {where: told for where, told in found.items() if where[0] == "niche"}
    assert niches == {("niche", "fashion/bags"): (0.5, 2), ("niche", "fashion/bags/clutches"): (0, 1)}


def test_deeper_categories() -> None:
    """By more parts of their path."""
    found = of(evaluate(shelves(), replace(ANYTHING, level=2)))
    names = {name for kind, name in found if kind == "category"}
    assert names == {"", "fashion/bags", "fashion/bagsets", "toys"}
    assert found["category", "fashion/bags"] == (0.5, 2)


def test_only_what_is_asked_for() -> None:
    """By other words of a shelf too; what can't be sliced by is refused."""
    asked = of(evaluate(make_shelves(np.ones((2, 1)), policy=["p", "q"]), replace(ANYTHING, by=("policy",))))
    assert {kind for kind, _ in asked} == {"all", "surface", "layout", "policy"}
    with pytest.raises(ValueError, match="can't be sliced by 'seller'"):
        evaluate(shelves(), replace(ANYTHING, by=("seller",)))


def test_slices_add_up_to_the_whole() -> None:
    """For every kind: the mean of slices, weighed by their shelves, is that of all."""
    draws = np.random.default_rng(1)
    many = make_shelves(
        np.ones((900, 3)),
        grade=draws.integers(0, 2, (900, 3)),
        categories=CATEGORIES,
        category=draws.integers(0, 5, 900),
        surface=draws.choice(["app", "web"], 900).tolist(),
        layout=draws.choice(["row", "grid"], 900).tolist(),
        model=draws.choice(["m", "n"], 900).tolist(),
        variant=draws.choice(["a", "b"], 900).tolist(),
    )
    for name in ("DCG@5", "nDCG@5", "P@1"):
        found = of(evaluate(many, ANYTHING), name)
        value, count = found["all", ""]
        for kind in ("category", "surface", "layout", "model", "variant"):
            mine = [told for (each, _), told in found.items() if each == kind]
            assert sum(shelves for _, shelves in mine) == count
            assert sum(part * shelves for part, shelves in mine) / count == pytest.approx(value, rel=1e-9)


def test_by_position() -> None:
    """Of items seen at each place, those clicked; a click on what nobody saw is none."""
    grade = [[1, 0, 1], [1, 1, 0]]
    found = evaluate(make_shelves(np.ones((2, 3)), grade=grade, seen=[[1, 1, 0], [1, 1, 0]]), ANYTHING).by_slice
    told = {name: mine["CTR"] for (kind, name), mine in found.items() if kind == "position"}
    assert set(told) == {str(place) for place in range(1, 11)}
    assert [each.value for each in told.values() if isinstance(each, Figure)] == [1, 0.5]
    assert str(told["3"]).startswith("not enough evidence: 0 of 1 ")


def test_by_age() -> None:
    """Edges belong to the older; a listing of unknown age to none."""
    day, at = 86_400_000_000, 200 * 86_400_000_000
    ages = np.array([[0, day - 1, day, 7 * day, 30 * day, 90 * day, 91 * day]])
    listed = np.append(at - ages, [[0]], axis=1)
    found = evaluate(
        make_shelves(np.ones((1, 8)), at=[at], grade=[[1, 0, 0, 1, 0, 1, 1, 1]], listed_at=listed), ANYTHING
    )
    told = {name: mine["CTR"] for (kind, name), mine in found.by_slice.items() if kind == "age"}
    values = {name: (each.value, each.shelves) for name, each in told.items() if isinstance(each, Figure)}
    assert values == dict(zip(AGES, [(0.5, 2), (0, 1), (1, 1), (0, 1), (1, 2)], strict=True))


def test_more_by_hand(tmp_path: Path) -> None:
    """Sold ones, mismatches, new ones, sellers of one recorded shelf of four items."""
    week = timedelta(days=7)
    now = int(START.timestamp() * 1e6)
    listed = [now - 1, now - week // timedelta(microseconds=1), now - 1, None]
    items = [
        {
            "listing_id": f"m{place}",
            "position": place,
            "status": status,
            "category": category,
            "seller_id": seller,
            "listed_at": at,
        }
        for place, (status, category, seller, at) in enumerate(
            zip(
                ("on_sale", "sold_out", "reserved", None),
                ("a/b", "a/c", "d/b", None),
                ("s1", "s1", "s2", None),
                listed,
                strict=True,
            ),
            1,
        )
    ]
    found = of_day(tmp_path, [shelf("r", items=0, category="a/x", drawn="no") | {"items": items}, seen("r")])
    values = dict(zip(MORE, more_values(found, week // timedelta(microseconds=1), 1)[0].tolist(), strict=True))
    assert values == {
        "items": 4,
        "sold": 2,
        "with_status": 3,
        "mismatched": 1,
        "with_category": 3,
        "new": 2,
        "with_age": 3,
        "sellers": 2,
        "with_sellers": 1,
    }
    told = evaluate(found, ANYTHING)
    shares = {
        "sold items shown": 2 / 3,
        "category mismatches": 1 / 3,
        "new listings shown": 2 / 3,
        "distinct sellers": 2,
    }
    for name, value in shares.items():
        figure = told[name]
        assert isinstance(figure, Figure)
        assert figure.value == pytest.approx(value)


def test_where_nothing_is_told_of_items() -> None:
    """No status, no age, no seller, no category: not 0, but not enough evidence."""
    found = evaluate(make_shelves(np.ones((200, 3))))
    for name in ("sold items shown", "category mismatches", "new listings shown", "distinct sellers"):
        assert not isinstance(found[name], Figure)


def test_sold_is_whatever_is_not_on_sale() -> None:
    """By each status."""
    codes = [[STATUSES.index(each)] for each in ("on_sale", "reserved", "hidden", "sold_out", "removed", "")]
    values = more_values(make_shelves(np.ones((6, 1)), status=codes), 1, 1)
    assert values[:, MORE.index("sold")].tolist() == [0, 1, 1, 1, 1, 0]
    assert values[:, MORE.index("with_status")].tolist() == [1, 1, 1, 1, 1, 0]


def test_distinct_listings() -> None:
    """Each once, of all visible shelves, however drawn; the share of those that might have been shown."""
    many = make_shelves([[5, 6], [6, 7], [8, 0]], visible=[True, True, False], drawn=[0, 2, 0])
    found = figures(stats(many, ANYTHING), ANYTHING, catalogue=30)
    assert (found.listings, found.listings_share) == (3, 0.1)
    assert figures(stats(many, ANYTHING), ANYTHING).listings_share is None


def test_invisible_shelves_and_drawn_ones_are_not_measured(tmp_path: Path) -> None:
    """Of the one nothing was seen; the order of the other says nothing of the model."""
    records = [shelf(name, drawn=drawn) for name, drawn in (("r", "no"), ("s", "no"), ("t", "shuffle"), ("u", "swap"))]
    acted = [action("click", name) for name in "rtu"]
    looked_at = [seen(name) for name in "rtu"]
    found = evaluate(of_day(tmp_path, [*records, *acted, *looked_at], reports_seen=True), ANYTHING)
    told = found["DCG@5"]
    assert isinstance(told, Figure)
    assert (told.value, told.shelves) == (1, 1)
