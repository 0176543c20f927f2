"""The gallery: shelves as one HTML file that needs nothing else, its pictures inside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from workers.demo.catalogue import yen
from workers.demo.images import data_uri, path_of
from workers.demo.shelves import Shelf
from workers.milvus.neighbors import Neighbor

_PAGE = Template(Path(__file__).with_name("gallery.html").read_text(encoding="utf-8"))
_LARGE, _SMALL = 360, 220  # pixels: twice what is shown, for dense screens


@dataclass(frozen=True)
class Section:
    """Shelves that belong together; one question's shelves, one after the other, share its picture."""

    anchor: str
    title: str
    words: str
    shelves: Sequence[Shelf]


@dataclass(frozen=True)
class Gallery:
    """What the page says; all of it is plain text and is escaped here."""

    heading: str
    lead: str
    figures: Sequence[tuple[str, str]]
    """What was measured, and how much it is."""
    sections: Sequence[Section]
    notes: Sequence[str]


def page(gallery: Gallery) -> str:
    """The whole HTML document."""
    return _PAGE.substitute(
        title=escape(gallery.heading),
        heading=escape(gallery.heading),
        lead=escape(gallery.lead),
        figures=_joined(f"<div><dt>{escape(name)}</dt><dd>{escape(much)}</dd></div>" for name, much in gallery.figures),
        links=_joined(f'<li><a href="#{each.anchor}">{escape(each.title)}</a></li>' for each in gallery.sections),
        sections=_joined(map(_section, gallery.sections)),
        footer=_joined(f"<p>{escape(note)}</p>" for note in gallery.notes),
    )


def _section(section: Section) -> str:
    grouped = groupby(section.shelves, key=lambda shelf: (shelf.words, shelf.picture, shelf.about))
    shelves = _joined(_article(list(shelves)) for _, shelves in grouped)
    head = f"<h2>{escape(section.title)}</h2>\n<p>{escape(section.words)}</p>"
    return f'<section id="{section.anchor}">\n{head}\n{shelves}\n</section>'


def _article(shelves: Sequence[Shelf]) -> str:
    rows = _joined(_row(shelf) for shelf in shelves)
    return f'<article class="shelf">\n{_query(shelves[0])}\n<div class="rows">\n{rows}\n</div>\n</article>'


def _query(shelf: Shelf) -> str:
    about = f'<p class="about">{escape(shelf.about)}</p>' if shelf.about else ""
    if shelf.picture is None:
        words = f'<h3 class="tile words"><span>“{escape(shelf.words)}”</span></h3>'
        return f'<div class="query">{words}{about}</div>'
    picture = f'<div class="tile"><img src="{data_uri(shelf.picture, _LARGE)}" alt="{escape(shelf.words)}"></div>'
    return f'<figure class="query">{picture}<figcaption><h3>{escape(shelf.words)}</h3>{about}</figcaption></figure>'


def _row(shelf: Shelf) -> str:
    label = f"<h4>{escape(shelf.label)}</h4>\n" if shelf.label else ""
    if not shelf.neighbors:
        return f'{label}<p class="none">Nothing is near enough.</p>'
    name = escape(" ".join(filter(None, ("Nearest to", shelf.words, shelf.label.lower()))))
    items = _joined(_item(each, shelf.marks.get(each.listing_id, "")) for each in shelf.neighbors)
    # Narrow screens scroll a row sideways: it takes the focus, so that the keyboard can.
    return f'{label}<ol class="row" tabindex="0" aria-label="{name}">\n{items}\n</ol>'


def _item(neighbor: Neighbor, mark: str) -> str:
    source = data_uri(path_of(neighbor.image_urls[0]), _SMALL) if neighbor.image_urls else ""
    badge = f'<span class="mark">{escape(mark)}</span>' if mark else ""
    title, where = escape(neighbor.title), escape(neighbor.category)
    leaf = escape(neighbor.category.rpartition("/")[2].replace("_", " "))
    kind = f' class="{escape(mark.split()[0])}"' if mark else ""
    return (
        f'<li{kind}><figure><div class="tile"><img src="{source}" alt="{title}" loading="lazy">{badge}</div>'
        f'<figcaption><span class="name" title="{title}">{title}</span>'
        f'<span class="where" title="{where}">{leaf}</span>'
        f'<span class="last"><span>{escape(yen(neighbor.price_minor))}</span>'
        f'<span class="score" title="cosine similarity">{neighbor.score:.2f}</span></span></figcaption></figure></li>'
    )


def _joined(parts: Iterable[str]) -> str:
    return "\n".join(parts)
