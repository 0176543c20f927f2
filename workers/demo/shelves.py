"""The questions of the demo and their answers: shelves by listing, by picture and by text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.listing import ListingEvent
from workers.demo.catalogue import assorted, yen
from workers.demo.images import ALTERATIONS, altered, path_of
from workers.milvus.neighbors import Neighbor, SearchOptions
from workers.operations.search import Asker

LENGTH = 8
TEXTS = ("red flower", "sailing boat", "ice cream cone", "teddy bear", "alarm clock", "straw hat")
"""For the bundled pictures; another folder is asked for its own titles."""


@dataclass(frozen=True)
class Shelf:
    """A question and its nearest listings; `picture` is None where words asked."""

    words: str
    picture: Path | None
    about: str
    """What a reader should know of the question."""
    neighbors: Sequence[Neighbor]
    label: str = ""
    """What sets this shelf apart from others of the same question."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """What happens to a listing, in a word, by its id."""
    listing_id: str = ""

    @property
    def closeness(self) -> float:
        """The mean score; 0 where the shelf is empty."""
        return sum(each.score for each in self.neighbors) / len(self.neighbors) if self.neighbors else 0.0

    def line(self, names: int = 4) -> str:
        """The first few neighbours, for a terminal."""
        return " · ".join(f"{each.score:.2f} {each.title[:24]}" for each in self.neighbors[:names]) or "nothing"


def by_listing(asker: Asker, event: ListingEvent, wanted: SearchOptions | None = None) -> Shelf:
    """Neighbours of a listing in the index."""
    answer = asker.by_listing(event.listing_id, wanted or SearchOptions(k=LENGTH))
    about = " · ".join(filter(None, (" / ".join(event.category).replace("_", " "), yen(event.price_minor))))
    picture = path_of(event.image_urls[0])
    return Shelf(event.title, picture, about, answer.neighbors, listing_id=event.listing_id)


def by_picture(asker: Asker, events: Sequence[ListingEvent], folder: Path) -> list[Shelf]:
    """Neighbours of files that are in no catalogue: altered copies of some that are, written to `folder`."""
    shelves = []
    for event, (name, alter) in zip(assorted(events, len(ALTERATIONS)), ALTERATIONS, strict=False):
        file = altered(path_of(event.image_urls[0]), alter, folder / f"query-{name.split()[0]}.jpg")
        found = asker.by_image(file.read_bytes(), SearchOptions(k=LENGTH), query=str(file)).neighbors
        place = next((rank for rank, each in enumerate(found, 1) if each.listing_id == event.listing_id), None)
        where = f"the original is number {place}" if place else f"the original is not among the first {LENGTH}"
        marks = {event.listing_id: "original"}
        shelves.append(Shelf(f"{event.title}, {name}", file, f"A file in no catalogue; {where}.", found, marks=marks))
    return shelves


def by_text(asker: Asker, texts: Sequence[str]) -> list[Shelf]:
    """Neighbours of words."""
    return [Shelf(text, None, "", asker.by_text(text, SearchOptions(k=LENGTH)).neighbors) for text in texts]


def titles_of(events: Sequence[ListingEvent]) -> list[str]:
    """Texts to ask another folder for: titles of its own, from different categories."""
    return list(dict.fromkeys(event.title[:60] for event in assorted(events, len(TEXTS))))
