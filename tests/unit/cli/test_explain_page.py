"""`lookalike explain` for people: words, places, times and prices, nothing in the notation of a language."""

from typing import Any

import pytest

from workers.cli.explain_page import explanation_page
from workers.cli.output import plain_text

SOURCE = {"topic": "listing-updated", "partition": 3, "offset": 1017, "timestamp": 1_763_856_000_000}
STAGES = {"queue": 0.0, "fetch": 1_234.5, "decode": 4.2, "encode": 30.0, "upsert": 8.0}


def found(**more: Any) -> dict[str, Any]:
    """The document of a listing that has everything once."""
    return {
        "answer": "It is in the index at version 7, on_sale: shown.",
        "events": [
            {"place": "listing-updated:3:1017", "version": 7, "status": "on_sale", "title": "Canvas {sneakers}"},
            {"place": "listing-updated:3:1018", "version": None, "status": "no JSON", "title": ""},
        ],
        "outcomes": [
            {
                "version": 7,
                "outcome": "indexed",
                "model": "small@ab",
                "encoded": True,
                "source": "listing-updated:3:1017",
                "event_to_visible_ms": 1_300.4,
                "stages_ms": STAGES,
            },
        ],
        "dead_letters": [
            {
                "topic": "listing-updated",
                "partition": 3,
                "offset": 1018,
                "key": "m1",
                "reason": "invalid",
                "error": "no JSON",
                "attempts": 1,
                "at": "2026-11-26T00:00:00.000+00:00",
            },
        ],
        "row": {
            "listing_id": "m1",
            "version": 7,
            "price_minor": 4205,
            "currency": "EUR",
            "attributes": {"size_cm": 26, "authenticated": True, "colour": None},
            "source": SOURCE,
            "image_urls": ["https://a.example/1.jpg", "https://a.example/2.jpg"],
            "listed_at": 1_763_856_000_000_001,
        },
        "tombstone": {"listing_id": "m1", "version": 3, "status": "removed", "source": SOURCE},
    } | more


def test_in_words() -> None:
    """Every field is there, in words."""
    page = plain_text(explanation_page(found()))
    lines = [" ".join(line.split()) for line in page.splitlines()]
    for expected in (
        "listing-updated:3:1018 – no JSON",
        "7 indexed small@ab yes listing-updated:3:1017 1,300 ms fetch 1,234, decode 4, encode 30, upsert 8 ms",
        "listing-updated:3:1018 invalid 1 2026-11-26T00:00:00.000+00:00 no JSON",
        "price 42.05 EUR",
        "attributes size_cm=26, authenticated=yes, colour=–",
        "image_urls https://a.example/1.jpg, https://a.example/2.jpg",
        "listed_at 2025-11-23T00:00:00.000001+00:00",
        "source listing-updated:3:1017, 2025-11-23T00:00:00.000+00:00",
    ):
        assert expected in lines, page
    assert "{'" not in page
    assert not {"None", "True", "False"} & set(page.split())


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "USD", "0.00 USD"),
        (12_300, "JPY", "12300 JPY"),
        (1, "KWD", "0.001 KWD"),
        (2**63 - 1, "CLF", "922337203685477.5807 CLF"),
        (0, "", "–"),
    ],
)
def test_price(minor: int, currency: str, shown: str) -> None:
    """With as many decimals as the currency has, however large; none where the listing has none."""
    page = plain_text(explanation_page(found(row={"price_minor": minor, "currency": currency})))
    assert f"price {shown}" in [" ".join(line.split()) for line in page.splitlines()]
    assert "currency" not in page.partition("row")[2]


def test_what_others_wrote() -> None:
    """A row of another program's shape is shown as far as it goes."""
    row = {
        "price_minor": "12",
        "source": "somewhere",
        "listed_at": 2**62,
        "attributes": [{"a": [1, 2]}],
        "updated_at": None,
    }
    page = plain_text(explanation_page(found(row=row, tombstone=None, events=[], outcomes=[], dead_letters=[])))
    assert page.splitlines()[2:] == [
        "row",
        "  price_minor  12",
        "  source       somewhere",
        f"  listed_at    {2**62}",
        "  attributes   a=1, 2",
        "  updated_at   –",
    ]
