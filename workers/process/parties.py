"""The party of a record (its sender and picture site), for which a bad record is counted."""

import json
from typing import NamedTuple

from schemas.listing import ListingEvent
from streams.listing_codec import Record
from workers.images.picture_source import site_of_url

_PICTURE = {"image-refused", "image-too-large", "image-undecodable"}
"""Reasons that concern the picture, and so its site."""
_LONGEST = 128  # characters of a seller's or user's id


class Party(NamedTuple):
    """The sender and picture site of a record; records of equal parties are not independent."""

    sender: str
    """The seller or user; else the listing or key, as far as it is known."""
    site: str = ""
    """The registrable domain of its picture; empty if the picture is not concerned."""


def party_of(record: Record, reason: str, event: ListingEvent | None = None) -> Party:
    """The party of a bad listing record; `event` is the parsed event, if it could be parsed."""
    if event is None:
        return Party(sender_of(record, "seller_id"))
    sender = f"seller_id {event.seller_id}" if event.seller_id else f"key {event.listing_id}"
    return Party(sender, site_of_url(event.image_urls[0]) if reason in _PICTURE and event.image_urls else "")


def sender_of(record: Record, field: str) -> str:
    """The sender of a record that does not meet the schema: its value of `field`; else its key, or its location.

    A value that is no JSON object was made by a publisher, whom we trust more than sellers: each key is a party.
    """
    try:
        value = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        value = None
    named = value.get(field) if isinstance(value, dict) else None
    if isinstance(named, str) and named:
        return f"{field} {named[:_LONGEST]}"
    return f"key {record.key.decode(errors='replace')}" if record.key else f"place {record.source}"
