"""Request headers for image hosts, as the operator writes them: read and checked. Pure.

    {"*": {"User-Agent": "shop-index (ops@shop.example)"}, "img.shop.example": {"Authorization": "Bearer …"}}

No message of ours repeats a value.
"""

import json
import re
from typing import Any

from pydantic import SecretStr

OPEN = {"accept", "accept-language", "from", "referer", "user-agent"}
"""Headers that any host may see. All others may hold a secret: they go to hosts that are named, and no further."""
_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Headers that decide how an answer is read: they are not the operator's to choose."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]{0,8000}[\x21-\x7e])?")

Headers = dict[str, dict[str, SecretStr]]


def read_headers(text: str) -> Any:
    """The setting's JSON. Raises ValueError if it is none, or names a host or a header twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name.lower() for name, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0][:100]!r} is in it twice")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at character {error.pos}") from None


def check_headers(host: str, headers: dict[str, SecretStr]) -> None:
    """Raise ValueError if a header can't be sent, or must not be sent to `host`."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{host}: {name[:100]!r} is not the name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"{host}: {name} is set by Lookalike itself; leave it out")
        if not _VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(
                f"{host}: the value of {name} is not 1 to 8,002 printable ASCII characters without a space at an end"
            )
        if host.partition(":")[0] == "*" and name.lower() not in OPEN:
            raise ValueError(
                f"{name} would go to every host: name the hosts that may see it, as in img.example.com or *.example.com"
            )


def as_json(headers: Headers) -> str:
    """The setting's text again, for the environment of a child process."""
    return json.dumps(
        {host: {name: value.get_secret_value() for name, value in each.items()} for host, each in headers.items()}
    )
