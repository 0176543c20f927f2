"""What can fail: three kinds with their consequence for a stream, and the errors that end a request or a command."""

from streams.redaction import redacted, shown_address


class SlowDown(Exception):
    """Something outside is away: take nothing in, keep what is in hand, try again; never commit, never dead-letter."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(redacted(message))
        self.retry_after = retry_after
        """Seconds that the other side asked us to wait, where it said so."""


class BadMessage(Exception):
    """This one message can't be done, now or ever: it goes to the dead letters and the stream goes on."""

    def __init__(self, reason: str, error: str, *, attempts: int = 1) -> None:
        error = redacted(error)
        super().__init__(f"{reason}: {error}")
        self.reason = reason
        """One of `schemas.dead_letter.Reason`."""
        self.error = error
        self.attempts = attempts


class Broken(Exception):
    """We ourselves are broken: log, exit non-zero, be restarted; the log is read again from the committed offset."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class CollectionGone(Broken):
    """A Milvus collection or alias that existed does not exist any more."""


class LookalikeError(Exception):
    """What was asked for can't be done; the message is one line: what failed, where, and what to try."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class UsageError(LookalikeError):
    """A wrong argument, setting or input: the same request fails again until it is corrected."""


class NotFound(LookalikeError):
    """What the request names does not exist."""


class ServiceUnavailable(LookalikeError):
    """A service can't be reached or does not answer: the same request may succeed later."""


def unreachable(service: str, address: str, remedy: str, reason: str = "") -> ServiceUnavailable:
    """The error for a service that can't be reached: which one, the reason if that is known, and what to try."""
    because = f": {reason}" if reason else ""
    return ServiceUnavailable(f"{service} at {shown_address(address)} can't be reached{because}; {remedy}")
