"""No password of an address leaves in a message, a log, a document or a dead letter: the one place that removes it."""

import re

_USER = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*:(?:\\?/){2})
    (?: [^\s/?\#"'<>]*                     # user:password@, also with an @ in the password
      | [^\s/?\#@:"'<>]*:(?!\d{1,5}[/?\#])[^\s@"'<>]*  # a password that holds / ? or #, where no port is
    )@""",
    re.IGNORECASE | re.VERBOSE,
)
_MARK = "***@"


def redacted(text: str) -> str:
    """`text` without the user and the password of every URL in it.

    >>> redacted("Milvus at http://root:se/cret@db:19530 can't be reached")
    "Milvus at http://***@db:19530 can't be reached"
    """
    if "@" not in text or ":" not in text:
        return text
    return _USER.sub(rf"\g<scheme>{_MARK}", text)


def shown_address(address: str) -> str:
    """An address that a setting gives, or several with commas between: without what is before an @.

    >>> shown_address("root:secret@db:9092"), shown_address("https://root:se@cret@db")
    ('***@db:9092', 'https://***@db')
    """
    head, at, host = address.rpartition("@")
    if not at:
        return address
    scheme, found, _ = head.partition("://")
    return f"{scheme}://{_MARK}{host}" if found else f"{_MARK}{host}"
