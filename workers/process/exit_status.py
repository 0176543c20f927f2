"""The exit status of each kind of error: what a command ends with, and what that says of a process that ended."""

from streams.errors import LookalikeError, ServiceUnavailable, UsageError

FAILED, USAGE, UNAVAILABLE = 1, 2, 3


def exit_status(error: LookalikeError) -> int:
    """The exit status of a command that ends with `error`.

    >>> exit_status(UsageError("--days: 0")), exit_status(ServiceUnavailable("Kafka is away"))
    (2, 3)
    """
    match error:
        case UsageError():
            return USAGE
        case ServiceUnavailable():
            return UNAVAILABLE
    return FAILED


def error_of(status: int | None, message: str) -> LookalikeError:
    """The error of a command of ours that ended with `status`.

    >>> type(error_of(2, "--days: 0")).__name__
    'UsageError'
    """
    kind = {USAGE: UsageError, UNAVAILABLE: ServiceUnavailable}.get(status or FAILED, LookalikeError)
    return kind(message)
