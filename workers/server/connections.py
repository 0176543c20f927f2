"""Connections of visitors: so many at once, and none that keeps its slot without sending or reading.

uvicorn has a time limit for a connection that rests between two requests, and none for a request that never comes to
its end. Here a request has to arrive whole, and an answer to be taken, within a time. When all slots are taken, the
connection that has waited longest for its visitor gives up its slot to the new one: half-open requests, however many,
keep out nobody who sends a whole one.
"""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from workers.server import metrics

REQUEST_SECONDS = 15.0
"""From the first moment of a connection, or the first byte after the last answer, to the last byte of a request; a body
has `Limits.body_seconds` of it, after which the visitor is told so."""
ANSWER_SECONDS = 15.0
"""For a visitor to take an answer that fills the buffers."""
_ARRIVING = (h11.IDLE, h11.SEND_BODY)


class ConnectionSlots:
    """The connections there are, at most `most`, and which of them wait for their visitors, the longest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}

    def take(self, connection: "Connection") -> bool:
        """A slot for a new connection, if need be that of the one that has waited longest; False if all are busy."""
        if len(self._all) >= self._most:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self.leave(oldest)
            oldest.abort("place")
        self._all.add(connection)
        self._waiting[connection] = None
        return True

    def waits(self, connection: "Connection", *, waits: bool) -> None:
        """Whether its visitor has something to send before there is anything to do."""
        if connection not in self._all:
            return
        if not waits:
            self._waiting.pop(connection, None)
        elif connection not in self._waiting:
            self._waiting[connection] = None

    def leave(self, connection: "Connection") -> None:
        """Its slot is free; safe to repeat."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)


class Connection(H11Protocol):
    """uvicorn's own protocol with the limits; `protocol` makes the class for one server."""

    slots: ClassVar[ConnectionSlots]
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a slot, or be refused."""
        super().connection_made(transport)
        if self.slots.take(self):
            self._look(begins=True)
        else:
            self.abort("full")

    def data_received(self, data: bytes) -> None:
        """Something came; the time of a request does not start again with each byte of it."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._look(begins=True)

    def on_response_complete(self) -> None:
        """An answer is done; the rest of a body, and the next request, have a time of their own."""
        super().on_response_complete()
        self._look(begins=self.conn.their_state is h11.SEND_BODY)

    def pause_writing(self) -> None:
        """The visitor does not take what is written."""
        super().pause_writing()
        self._unread = self.loop.call_later(ANSWER_SECONDS, self.abort, "unread")

    def resume_writing(self) -> None:
        """The visitor has taken it."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self.slots.leave(self)
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def abort(self, why: str) -> None:
        """End it at once, whatever is in its buffers."""
        if self.transport.is_closing():
            return
        metrics.CUT.labels(why).inc()
        self.transport.abort()

    def _look(self, *, begins: bool) -> None:
        """Set the deadline while a request is on its way, and take it away when it is whole."""
        arriving = self.conn.their_state in _ARRIVING
        self.slots.waits(self, waits=arriving)
        if not arriving and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        elif arriving and begins and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.abort, "slow")


def protocol(most: int) -> type[Connection]:
    """The class for a server of at most so many connections."""
    return type("ServerConnection", (Connection,), {"slots": ConnectionSlots(most)})
