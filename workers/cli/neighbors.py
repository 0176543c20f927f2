"""`lookalike neighbors`: the nearest listings, by listing, picture or text."""

from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.currency import price
from streams.errors import UsageError
from streams.takedown_follower import TakedownFollower
from workers.cli.output import JsonOption, settings_of, show, table

if TYPE_CHECKING:
    from workers.milvus.neighbors import Neighbor


def neighbors(
    context: typer.Context,
    listing_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A listing in the index.")] = None,
    image: Annotated[Path | None, typer.Option(help="Ask by a picture.")] = None,
    text: Annotated[str | None, typer.Option(help="Ask by words.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1_000, help="How many.")] = 10,
    category: Annotated[str | None, typer.Option(help="Only this category and those below it: a/b.")] = None,
    max_price: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="In minor units; needs --currency.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Only prices in this currency.")] = None,
    expression: Annotated[str, typer.Option("--filter", help="A filter expression of Milvus.")] = "",
    include_sold: Annotated[bool, typer.Option("--include-sold", help="Not only what is on sale.")] = False,
    min_score: Annotated[float | None, typer.Option(help="Leave out what is less alike; 1 is the same.")] = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="The very same picture too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The nearest listings on sale; the query itself, and listings with the very same picture, are left out.

    Example: lookalike neighbors m81237 -k 5 --category fashion/shoes --max-price 5000 --currency JPY
    """
    if sum(given is not None for given in (listing_id, image, text)) != 1:
        raise UsageError("give one of: a listing's id, --image FILE, --text WORDS")
    if max_price is not None and currency is None:
        raise UsageError("--max-price needs --currency: prices in different currencies can't be compared")
    data = _read(image) if image is not None else b""
    settings = settings_of(context)
    follower = TakedownFollower(settings).start()  # reads what was taken down while the clients of Milvus are imported
    from workers.milvus.neighbors import SearchOptions
    from workers.operations.search import Asker

    wanted = SearchOptions(
        k=k,
        category=category,
        max_price=max_price,
        currency=currency,
        expression=expression,
        include_sold=include_sold,
        min_score=min_score,
        keep_duplicates=keep_duplicates,
    )
    with closing(Asker(settings, follower)) as asker:
        if listing_id is not None:
            answer = asker.by_listing(listing_id, wanted)
        elif text is not None:
            answer = asker.by_text(text, wanted)
        else:
            answer = asker.by_image(data, wanted, query=str(image))
    rows = [
        (found.listing_id, found.score, found.title[:50], found.category, _price(found), found.currency)
        for found in answer.neighbors
    ]
    document = {
        "model": answer.model,
        "query": answer.query,
        "neighbors": [_document(each) for each in answer.neighbors],
    }
    headings = ("listing", "score", "title", "category", "price", "currency")
    show(document, as_json=as_json, page=lambda: table(headings, rows) if rows else "nothing is near enough")


def _price(neighbor: "Neighbor") -> Decimal | None:
    if neighbor.price_minor is None or not neighbor.currency:
        return None
    return price(neighbor.price_minor, neighbor.currency)


def _document(neighbor: object) -> dict[str, object]:
    fields: dict[str, object] = asdict(neighbor)  # type: ignore[call-overload]
    fields.pop("image_urls")
    return fields


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise UsageError(f"{image} can't be read: {error.strerror}") from None
