"""The wait that an image host asks for: the header Retry-After, RFC 9110 section 10.2.3. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile("[0-9]{1,9}")


def requested_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, given as a number or as a date; None if neither.

    A date is compared with the host's own clock (`Date`), or with ours if that is missing.

    >>> requested_wait({"Retry-After": "Mon, 23 Nov 2026 08:00:30 GMT", "Date": "Mon, 23 Nov 2026 08:00:00 GMT"})
    30.0
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("Date", "")) or datetime.now(UTC))).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
