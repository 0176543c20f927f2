"""Taking in what visitors did: each interaction checked first, all or none sent, answered once Kafka has them."""

import asyncio
import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Self

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from schemas.interaction import ATTRIBUTION, Cancel, Click, Event, Like, Purchase, Seen
from streams.errors import BadMessage
from streams.interactions import InteractionPublisher
from streams.listing_codec import why_invalid
from streams.settings import Settings
from workers.server import metrics
from workers.server.limits import Limits, RateLimited, TokenBucket, Unavailable

CONFIRMED_WITHIN = 5.0
"""Seconds; then the sender is told to try again, which is safe: an event id counts once."""
PAST, FUTURE = ATTRIBUTION, timedelta(minutes=10)
"""The recorder takes no older ones; clocks differ."""
_POLL_SECONDS = 0.005

_log = structlog.get_logger(__name__)

Action = Annotated[Seen | Click | Like | Purchase | Cancel, Field(discriminator="event")]
_ACTIONS: TypeAdapter[Seen | Click | Like | Purchase | Cancel] = TypeAdapter(Action)


def checked(given: object, now: datetime, most: int) -> list[Event]:
    """The interactions of a body: one object, or a list of up to `most`; without a time they happened now.

    A shelf is refused: it is recorded by whoever answered it. Raises BadMessage (`interactions`) naming the first that
    is none.
    """
    several = given if isinstance(given, list) else [given]
    if not 0 < len(several) <= most:
        raise BadMessage("interactions", f"1 to {most} in one request, these are {len(several)}")
    return [_checked(each, now, number) for number, each in enumerate(several)]


def _checked(given: object, now: datetime, number: int) -> Event:
    if isinstance(given, dict) and given.get("at") is None:
        given = {**given, "at": now}
    try:
        event = _ACTIONS.validate_python(given)
    except ValidationError as error:
        raise BadMessage("interactions", f"number {number}: {why_invalid(error)}") from None
    if isinstance(given, dict) and (unknown := sorted(map(str, given.keys() - type(event).model_fields.keys()))):
        raise BadMessage("interactions", f"number {number}: {unknown[0][:64]!r} is no field of a {event.event}")
    if not now - PAST <= event.at <= now + FUTURE:
        raise BadMessage("interactions", f"number {number}: at {event.at.isoformat()}, which is not about now")
    return event


def allowed(given: str | None, token: str) -> bool:
    """Whether an `Authorization` header carries the token; all do where there is none."""
    return not token or hmac.compare_digest((given or "").encode(), f"Bearer {token}".encode())


class InteractionIntake:
    """Sends interactions; for one event loop, in which a task listens for what Kafka confirms."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._limits = limits
        self._bucket = TokenBucket(limits.interactions_rate, max(2 * limits.interactions_rate, limits.interactions))
        self._publisher = InteractionPublisher(
            settings, delivery_seconds=CONFIRMED_WITHIN, queue_buffering_max_messages=20 * limits.interactions
        )
        self._sent = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    def start(self) -> Self:
        """Begin to listen."""
        self._task = asyncio.create_task(self._poll())
        return self

    async def take(self, given: object) -> int:
        """How many Kafka has confirmed, all of them.

        Raises BadMessage for what is no interaction, Later where they come too fast or Kafka does not confirm all.
        """
        try:
            events = checked(given, datetime.now(UTC), self._limits.interactions)
        except BadMessage:
            metrics.REFUSED.labels("schema").inc()
            raise
        if wait := self._bucket.acquire(len(events)):
            metrics.REFUSED.labels("rate").inc(len(events))
            raise RateLimited(f"more than {self._limits.interactions_rate:g} interactions a second", retry_after=wait)
        problems = [each for each in await self._send(events) if each]
        if problems:
            metrics.REFUSED.labels("kafka").inc(len(events))
            _log.warning("interactions_not_confirmed", count=len(problems), problem=problems[0])
            raise Unavailable(f"{len(problems)} of {len(events)} are not confirmed; send them again", retry_after=1.0)
        for kind, count in Counter(each.model_dump()["event"] for each in events).items():
            metrics.INTERACTIONS.labels(kind).inc(count)
        return len(events)

    async def close(self) -> None:
        """Wait for what is on its way."""
        if self._task is not None:
            self._task.cancel()
        await asyncio.to_thread(self._publisher.close, 1.0)

    async def _send(self, events: Sequence[Event]) -> list[str]:
        """What became of each: empty, or why it is not confirmed."""
        loop = asyncio.get_running_loop()
        told: list[asyncio.Future[str]] = []
        for event in events:
            future: asyncio.Future[str] = loop.create_future()
            told.append(future)
            tell = partial(_tell, future)

            def told_by_any_thread(problem: str, tell: Callable[[str], None] = tell) -> None:
                loop.call_soon_threadsafe(tell, problem)

            if not self._publisher.offer(event, told_by_any_thread):
                tell("the queue is full")
        self._sent.set()
        return await asyncio.gather(*told)

    async def _poll(self) -> None:
        while True:
            self._sent.clear()
            await self._sent.wait()
            while self._publisher.waiting:
                self._publisher.poll(0.0)
                await asyncio.sleep(_POLL_SECONDS)


def _tell(future: "asyncio.Future[str]", problem: str) -> None:
    if not future.done():  # whoever waited for it may have left
        future.set_result(problem)
