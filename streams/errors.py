"""The three kinds of failure, each with its own consequence for the stream, and the error that ends a command."""

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


class CommandFailed(Exception):
    """Ends a command with one line on stderr that says what failed, where, and what to try.

    `code` is the exit status: 1 the thing asked for failed, 2 wrong usage or bad input, 3 a service can't be reached.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(redacted(message))
        self.code = code


def unreachable(service: str, where: str, remedy: str, why: str = "") -> CommandFailed:
    """The error for a service that can't be reached: which, where, why if that is known, and what to try."""
    because = f": {why}" if why else ""
    return CommandFailed(f"{service} at {shown_address(where)} can't be reached{because}; {remedy}", code=3)
