"""`lookalike neighbors`: the nearest listings, by listing, picture or text."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.currency import price
from streams.errors import UsageError
from streams.takedown_follower import TakedownFollower
from workers.cli.options import command_options
from workers.cli.output import JsonOption, Page, settings_of, show, table

if TYPE_CHECKING:
    from workers.milvus.neighbors import Neighbor


@dataclass(frozen=True)
class FilterOptions:
    """Which neighbours are shown: the fields of `SearchOptions`, which is imported only with pymilvus."""

    k: Annotated[int, typer.Option("-k", min=1, max=1_000, help="How many neighbours to show, at most.")] = 10
    category: Annotated[
        str | None, typer.Option(help="Only this category and those below it, such as fashion/shoes.")
    ] = None
    max_price: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Highest price in minor units; needs --currency.")
    ] = None
    currency: Annotated[str | None, typer.Option(help="Only prices in this currency, such as EUR.")] = None
    expression: Annotated[
        str, typer.Option("--filter", help="A filter expression of Milvus, on any field of a listing.")
    ] = ""
    include_sold: Annotated[
        bool,
        typer.Option("--include-sold", help="Show sold, reserved and hidden listings too, not only those on sale."),
    ] = False
    min_score: Annotated[
        float | None, typer.Option(help="Leave out what is less similar (cosine); 1: the same direction.")
    ] = None
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Show listings with the very same picture too.")
    ] = False


@command_options
def neighbors(
    context: typer.Context,
    options: FilterOptions,
    listing_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The id of a listing in the index, the query.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="Query by this picture: a JPEG, PNG or WebP file.")] = None,
    text: Annotated[str | None, typer.Option(help="Query by words, if the model takes text.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The nearest listings on sale; the query itself, and listings with the very same picture, are left out.

    Example: lookalike neighbors m81237 -k 5 --category fashion/shoes --max-price 5000 --currency JPY
    """
    if sum(given is not None for given in (listing_id, image, text)) != 1:
        raise UsageError("give one of: a listing's id, --image FILE, --text WORDS")
    if options.max_price is not None and options.currency is None:
        raise UsageError("--max-price needs --currency: prices in different currencies can't be compared")
    data = _read(image) if image is not None else b""
    settings = settings_of(context)
    follower = TakedownFollower(settings).start()  # reads takedowns while the clients of Milvus are imported
    from workers.milvus.neighbors import SearchOptions
    from workers.operations.search import Asker

    wanted = SearchOptions(**asdict(options))
    with closing(Asker(settings, follower)) as asker:
        if listing_id is not None:
            answer = asker.by_listing(listing_id, wanted)
        elif text is not None:
            answer = asker.by_text(text, wanted)
        else:
            answer = asker.by_image(data, wanted, query=str(image))
    document = {
        "model": answer.model,
        "query": answer.query,
        "neighbors": [_document(each) for each in answer.neighbors],
    }
    show(document, as_json=as_json, page=lambda: _page(answer.neighbors))


def _page(found: "Sequence[Neighbor]") -> Page:
    if not found:
        return "nothing is near enough"
    rows: list[tuple[object, ...]] = [
        (each.listing_id, each.score, each.title[:50], each.category, _price(each), each.currency) for each in found
    ]
    return table(("listing", "score", "title", "category", "price", "currency"), rows)


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
