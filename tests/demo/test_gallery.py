"""The gallery's page: escaped, self-contained, readable by machines too."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from workers.demo.gallery import Gallery, Section, page
from workers.demo.images import data_uri
from workers.demo.shelves import Shelf
from workers.milvus.neighbors import Neighbor

NASTY = "<script>alert(\"1\")</script> & 'more' $heading"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects what the page is made of; `open` must be empty at its end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Every tag, with its attributes unescaped."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """What is closed was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text, unescaped."""
        self.texts.append(data)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A tall transparent picture whose name needs escaping in an address."""
    path = tmp_path / "tall & 100% red.png"
    Image.new("RGBA", (30, 400), (255, 0, 0, 128)).save(path)
    return path


def neighbor(picture: Path, listing_id: str = "a1") -> Neighbor:
    """A neighbour with nasty words."""
    return Neighbor(listing_id, 0.87654, NASTY, f"a_b/{NASTY}", 12_300, "JPY", "on_sale", 1, (picture.as_uri(),))


def drawn(*shelves: Shelf) -> str:
    """A page of one section."""
    return page(Gallery("A heading", NASTY, [("figures & more", "<7>")], [Section("a", "A", NASTY, shelves)], [NASTY]))


def test_titles_are_escaped(picture: Path) -> None:
    """Whatever a title says, it is text: no element comes of it, and a reader sees it as it was."""
    shelf = Shelf(NASTY, picture, NASTY, [neighbor(picture)], label=NASTY, marks={"a1": NASTY})
    read = Reader(drawn(shelf, Shelf(NASTY, None, "", [])))
    assert read.open == []
    assert not any(tag == "script" for tag, _ in read.tags)
    assert read.texts.count(NASTY) >= 6
    assert [attributes["alt"] for tag, attributes in read.tags if tag == "img"] == [NASTY, NASTY]


def test_it_needs_nothing_else(picture: Path) -> None:
    """No address leads out of the file: pictures are inside it, styles too, and there is no script."""
    text = drawn(Shelf("q", picture, "", [neighbor(picture)]), Shelf("words", None, "", [neighbor(picture)]))
    assert re.findall(r"https?://|file:|url\(|@import|<script|<link|<iframe", text) == []
    addresses = [value for _, given in Reader(text).tags for name, value in given.items() if name in ("src", "href")]
    assert addresses
    assert all(each is not None and each.startswith(("data:image/webp;base64,", "#")) for each in addresses)


def test_shelves_of_one_question_share_it(picture: Path) -> None:
    """Before and after stand under each other beside one picture of the query."""
    before, after = (Shelf("q", picture, "", [neighbor(picture)], label=label) for label in ("Before", "After"))
    read = Reader(drawn(before, after))
    assert sum(given.get("class") == "query" for _, given in read.tags) == 1
    assert sum(given.get("class") == "row" for _, given in read.tags) == 2


def test_a_neighbour_tells_price_score_and_mark(picture: Path) -> None:
    """Under the picture stand the price, the score with two digits, and over it what happened."""
    read = Reader(drawn(Shelf("q", None, "", [neighbor(picture)], marks={"a1": "sold"})))
    assert {"¥12,300", "0.88", "sold", "“q”"} <= set(read.texts)
    assert ("li", {"class": "sold"}) in read.tags


def test_an_empty_shelf_says_so() -> None:
    """No neighbour is an answer too."""
    assert "Nothing is near enough." in Reader(drawn(Shelf("q", None, "", []))).texts


def test_a_picture_that_is_gone_leaves_an_empty_tile(tmp_path: Path) -> None:
    """A file deleted since it was indexed does not end the demo."""
    assert data_uri(tmp_path / "gone.png", 100).startswith("data:image/gif;base64,")
