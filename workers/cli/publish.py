"""`lookalike publish`: listing events from JSON Lines, or a folder of pictures."""

import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TextIO

import typer
from pydantic import ValidationError

from schemas.listing import ListingEvent
from streams.clients import await_kafka
from streams.codec import why_invalid
from streams.failures import CommandFailed
from streams.pictures import listings_of
from streams.publish import Publisher
from workers.cli.output import JsonOption, Progress, say, settings_of, show

_SHOWN_ERRORS = 20


@dataclass
class _Rejected:
    """Lines that are no listing events."""

    count: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)

    def add(self, line: str, reason: str) -> None:
        self.count += 1
        self.errors.append({"line": line, "reason": reason})
        if self.count <= _SHOWN_ERRORS:
            say(f"{line}: {reason}")


def publish(
    context: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(help="JSON Lines of listing events; - is stdin.")] = None,
    images: Annotated[Path | None, typer.Option(help="Publish every picture below this folder instead.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish listing events to Kafka, each to the topic that its `event` names; ends when all are confirmed.

    Every line is checked first: a bad one is named, skipped, and makes the exit status 2.

    Example: lookalike publish listings.jsonl
    """
    if bool(files) == bool(images):
        raise CommandFailed("give files of listing events, or - for stdin, or --images DIR", 2)
    settings = settings_of(context)
    rejected = _Rejected()
    events = _from_pictures(images, settings.image_roots) if images else _from_files(files or [], rejected)
    # The first event is read before Kafka is called: a file that is not there is the nearer error.
    first = list(itertools.islice(events, 1))
    await_kafka(settings)  # else it would be missed only when the first delivery times out, after 30 s
    publisher = Publisher(settings)
    with Progress("published") as progress:
        for event in itertools.chain(first, events):
            publisher.publish(event)
            progress.show(publisher.delivered.published)
        delivered = publisher.close(lambda _left: progress.show(publisher.delivered.published))
    document = {
        "published": delivered.published, "rejected": rejected.count, "failed": delivered.failed,
        "errors": rejected.errors + [{"line": "", "reason": reason} for reason in delivered.errors],
    }  # fmt: skip
    show(document, as_json=as_json, lines=lambda: _summary(delivered.published, rejected.count, delivered.failed))
    if delivered.failed:
        raise CommandFailed(f"{delivered.failed} events were not confirmed: {delivered.errors[0]}", 3)
    if rejected.count:
        raise typer.Exit(2)


def _summary(published: int, rejected: int, failed: int) -> str:
    return f"{published} published, {rejected} rejected, {failed} failed"


def _from_pictures(folder: Path, roots: tuple[Path, ...]) -> Iterator[ListingEvent]:
    if not folder.is_dir():
        raise CommandFailed(f"{folder} is not a folder", 2)
    root = folder.resolve()
    if not any(root.is_relative_to(allowed) for allowed in roots):
        say(f"hint: workers read file:// pictures only below LOOKALIKE_IMAGE_ROOTS; theirs should hold {root}")
    found = 0
    for found, event in enumerate(listings_of(root, version=time.time_ns() // 1_000), 1):  # noqa: B007
        yield event
    if not found:
        raise CommandFailed(f"there is no JPEG, PNG or WebP below {folder}", 2)


def _from_files(files: Iterable[str], rejected: _Rejected) -> Iterator[ListingEvent]:
    for name in files:
        if name == "-":
            yield from _from_lines("-", sys.stdin, rejected)
            continue
        try:
            with Path(name).open(encoding="utf-8", errors="replace") as lines:
                yield from _from_lines(name, lines, rejected)
        except OSError as error:
            raise CommandFailed(f"{name} can't be read: {error.strerror}", 2) from None


def _from_lines(name: str, lines: TextIO, rejected: _Rejected) -> Iterator[ListingEvent]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = ListingEvent.model_validate_json(line)
        except ValidationError as error:
            rejected.add(f"{name}:{number}", why_invalid(error))
        else:
            if "event" in event.model_fields_set:
                yield event
            else:
                rejected.add(f"{name}:{number}", "event: listing-created or listing-updated is required")
