"""What the gallery says of a finished tour: its sentence, its figures, its sections."""

from workers.demo.gallery import Gallery, Section
from workers.demo.summary import Summary, in_time
from workers.demo.tour import Tour

_SMALL = (
    " The bundled model is small: it knows colours and shapes better than words. A full-size SigLIP, named by "
    "LOOKALIKE_MODEL, takes its place without another change."
)


def told_as_gallery(tour: Tour, summary: Summary) -> Gallery:
    """The tour as a page."""
    visible, changed = summary.picture_visible_ms, summary.metadata_visible_ms
    figures = [
        ("listings in the index", f"{summary.indexed:,}"),
        ("listings a second", f"{summary.listings_a_second:.0f}"),
        ("half of the new pictures were on the shelf within", in_time(visible.p50) if visible else "–"),
        ("half of the changes were on the shelf within", in_time(changed.p50) if changed else "–"),
        (f"pictures encoded for {summary.changes} changes", str(summary.pictures_encoded_for_changes)),
        ("memory of all processes, at most", f"{summary.peak_memory_bytes / 2**30:.1f} GiB"),
    ]
    return Gallery("Lookalike: found by their looks", _lead(summary), figures, _sections(tour), _notes(summary))


def _lead(summary: Summary) -> str:
    return (
        f"{summary.listings:,} pictures went into Apache Kafka as listing events, were turned into vectors by a SigLIP "
        f"model, and came out of Milvus as these shelves: all of it on one machine, searchable after "
        f"{summary.indexing_seconds:.0f} seconds."
    )


def _sections(tour: Tour) -> list[Section]:
    return [
        Section(
            "listing",
            "By listing",
            "What a shopper sees under a listing: its nearest neighbours on sale. The number is the cosine of the two "
            "vectors; 1 would be the same direction. One listing from each of several categories, not picked by hand.",
            tour.like_listings,
        ),
        Section(
            "picture",
            "By picture",
            "A file that is not in the catalogue: a copy of a listing's picture, altered. The listing it was made from "
            "should come first.",
            tour.like_pictures,
        ),
        Section(
            "text",
            "By text",
            "Words, encoded by the model's text tower. Cosines between words and pictures are smaller than between "
            "pictures; only their order counts." + ("" if tour.market.settings.model else _SMALL),
            tour.like_texts,
        ),
        Section(
            "sale",
            "Sold, then gone from the shelf",
            "A sale is one event: no picture is encoded for it, and the listing leaves every shelf at once. The row "
            "stays, so that a relisted listing is back without an encode. A removed one is not in the index at all.",
            tour.sales,
        ),
    ]


def _notes(summary: Summary) -> list[str]:
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.outcomes.items())
    passed = len(summary.checks) - len(summary.wrong)
    checked = f"{passed} of {len(summary.checks)} counts are what they must be"
    return [
        f"Model {summary.model}. Outcomes that the workers told: {outcomes}; {checked}.",
        "Prices, brands and sellers are invented. Drawn by `lookalike demo`; this page needs no network.",
    ]
