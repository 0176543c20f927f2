"""Picture requests: which pictures of an event are fetched, and which next if one is bad. Pure."""

from dataclasses import dataclass, replace

from schemas.model import Recipe
from streams.errors import BadMessage
from workers.images.responses import NotYet
from workers.indexer.pending_event import PendingEvent


@dataclass(slots=True, eq=False)
class PictureRequest:
    """The pictures of an event that are fetched together; those with the hash of its row need no encoding."""

    pending: PendingEvent
    known_hash: str | None
    urls: tuple[str, ...]
    others: tuple[str, ...] = ()
    """Alternatives, fetched one after the other while all before are bad."""
    bad: tuple[BadMessage, ...] = ()
    """The errors of the pictures before."""
    parties: tuple[str, ...] = ()
    """The parties that the fetch is counted for."""
    source: str = ""
    """The picture source that the decoding is counted for."""

    def after(self, bad: BadMessage) -> "PictureRequest | BadMessage":
        """The next request after a bad picture; or the error of the event, if no alternative is left.

        If one of the pictures is not there yet (NotYet), that is the error: the event is tried again.
        """
        all_bad = (*self.bad, bad)
        if self.others:
            return replace(self, urls=self.others[:1], others=self.others[1:], bad=all_bad)
        if not_yet := next((each for each in all_bad if isinstance(each, NotYet)), None):
            return not_yet
        if len(all_bad) == 1:
            return bad
        attempts = sum(each.attempts for each in all_bad)
        return BadMessage(bad.reason, f"none of {len(all_bad)} pictures is good: {bad.error}", attempts=attempts)


def picture_request(pending: PendingEvent, known_hash: str | None, recipe: Recipe) -> PictureRequest:
    """The request for a recipe: all pictures of the vector at once, or the first, with the others as alternatives."""
    urls = pending.event.image_urls[: recipe.images]
    if recipe.several == "first_good":
        return PictureRequest(pending, known_hash, urls[:1], urls[1:])
    return PictureRequest(pending, known_hash, urls)
