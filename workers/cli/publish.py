"""`lookalike publish`: listing events from JSON Lines, or a folder of pictures."""

import codecs
import itertools
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from schemas.listing import ListingEvent
from streams.clients import await_kafka
from streams.errors import UsageError
from streams.image_urls import why_not_fetchable
from streams.listing_codec import why_invalid
from streams.picture_folder import listings_of
from streams.publish import Delivered, Publisher
from streams.redaction import redacted
from streams.settings import Settings
from streams.terminal_text import cell
from workers.cli.output import JsonOption, Progress, say, settings_of, show

_SHOWN_ERRORS = 20


@dataclass
class _Rejected:
    """Lines that are no listing events."""

    count: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)

    def add(self, line: str, reason: str) -> None:
        reason = redacted(reason)
        self.count += 1
        self.errors.append({"line": line, "reason": reason})
        if self.count <= _SHOWN_ERRORS:
            say(f"{cell(line)}: {cell(reason, 1_000)}")


def publish(
    context: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(help="JSON Lines files of listing events; - is stdin.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Publish a listing for every picture below this folder, in place of files.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish listing events to Kafka, each to the topic that its `event` names; ends when all are confirmed.

    Every line is checked first: a bad one is named, skipped, and makes the exit status 2.

    Example: lookalike publish listings.jsonl
    """
    if bool(files) == bool(images):
        raise UsageError("give files of listing events, or - for stdin, or --images DIR")
    settings = settings_of(context)
    rejected, passed_over = _Rejected(), Counter[str]()
    events = _from_pictures(images, settings, passed_over) if images else _from_files(files or [], settings, rejected)
    delivered = _publish(settings, events)
    document = {
        "published": delivered.published,
        "rejected": rejected.count,
        "failed": delivered.failed,
        "errors": rejected.errors + [{"line": "", "reason": reason} for reason in delivered.errors],
    }
    if images:
        document["passed_over"] = passed_over.total()
        _say_passed_over(passed_over)
    summary = f"{delivered.published} published, {rejected.count} rejected, {delivered.failed} failed"
    show(document, as_json=as_json, page=lambda: summary)
    if delivered.failed:
        raise delivered.failure(f"{delivered.failed} events were not confirmed: {delivered.errors[0]}")
    if rejected.count:
        raise typer.Exit(2)


def _publish(settings: Settings, events: Iterator[ListingEvent]) -> Delivered:
    # The first event is read before Kafka is called: a file that does not exist is the nearer error.
    first = list(itertools.islice(events, 1))
    await_kafka(settings)  # else it would be missed only when the first delivery times out, after 30 s
    publisher = Publisher(settings)
    with Progress("published") as progress:
        for event in itertools.chain(first, events):
            publisher.publish(event)
            progress.show(publisher.delivered.published)
        return publisher.close(lambda _left: progress.show(publisher.delivered.published))


def _say_passed_over(passed_over: Counter[str]) -> None:
    """Files below the folder that are no listings: how many, and of what kind."""
    if passed_over:
        kinds = ", ".join(f"{count} {kind}" for kind, count in passed_over.most_common(_SHOWN_ERRORS))
        say(f"passed over: {kinds}")


def _from_pictures(folder: Path, settings: Settings, passed_over: Counter[str]) -> Iterator[ListingEvent]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    root = folder.resolve()
    if not any(root.is_relative_to(allowed) for allowed in settings.image_roots):
        say(f"hint: workers read file:// pictures only below LOOKALIKE_IMAGE_ROOTS; theirs should hold {root}")
    found = 0
    version, formats = time.time_ns() // 1_000, settings.image_formats
    for found, event in enumerate(listings_of(root, passed_over, version=version, formats=formats), 1):  # noqa: B007
        yield event
    if not found:
        _say_passed_over(passed_over)
        raise UsageError(f"there is no JPEG, PNG or WebP below {folder}")


def _from_files(files: Iterable[str], settings: Settings, rejected: _Rejected) -> Iterator[ListingEvent]:
    for name in files:
        if name == "-":
            yield from _from_lines("-", sys.stdin.buffer, settings.image_buckets, rejected)
            continue
        try:
            with Path(name).open("rb") as lines:
                yield from _from_lines(name, lines, settings.image_buckets, rejected)
        except OSError as error:
            raise UsageError(f"{name} can't be read: {error.strerror}") from None


def _from_lines(
    name: str, lines: Iterable[bytes], buckets: Collection[str], rejected: _Rejected
) -> Iterator[ListingEvent]:
    for number, line in enumerate(lines, 1):
        raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if not raw.strip():
            continue
        try:
            event = ListingEvent.model_validate_json(raw.decode())
        except UnicodeDecodeError as error:
            rejected.add(f"{name}:{number}", f"it is not UTF-8: byte {raw[error.start]:#04x} at {error.start + 1}")
        except ValidationError as error:
            rejected.add(f"{name}:{number}", why_invalid(error))
        else:
            if reason := _not_to_be_published(event, buckets):
                rejected.add(f"{name}:{number}", reason)
            else:
                yield event


def _not_to_be_published(event: ListingEvent, buckets: Collection[str]) -> str | None:
    """Why an event that meets the schema would be of no use; None if it may be published."""
    if "event" not in event.model_fields_set:
        return "event: listing-created or listing-updated is required"
    reasons = enumerate(why_not_fetchable(url, buckets) for url in event.image_urls)
    return next((f"image_urls.{number}: {reason}" for number, reason in reasons if reason), None)
