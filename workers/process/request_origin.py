"""The request-origin check: a request is accepted or refused by its headers `Host`, `Origin` and `Sec-Fetch-Site`.

That a request comes from this machine does not prove who sent it: any page in the operator's browser can send requests
to loopback, and by DNS rebinding (a name of its own that resolves to 127.0.0.1) read the answers. Such a page can't
change these headers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

REMEDY = "add the name to LOOKALIKE_ALLOWED_HOSTS if it leads to this server"


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: an HTTP status (421 or 403), a reason for programs, a sentence for people."""

    status: int
    reason: str
    detail: str


@dataclass(frozen=True)
class AllowedHosts:
    """The host names that a server accepts.

    On loopback: the names of loopback. Otherwise also every IP address, and every name without a dot, as containers
    have: neither can be a stranger's domain. Further names are those that the operator `named`: `shop.example.com`,
    `*.example.com` or `*`.
    """

    loopback: bool
    named: Collection[str] = ()

    def refusal_of(self, headers: Mapping[str, str]) -> Refusal | None:
        """Why a request with these headers (lower-case names) is refused; None if it is accepted."""
        host = headers.get("host", "")
        if not self._allows(host_of(f"//{host}")):
            return Refusal(421, "host", "this server is not asked for under that Host name")
        origin = headers.get("origin")
        if origin is not None and not self._own(origin, host):
            return Refusal(403, "origin", "pages of other sites may not ask this server")
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Refusal(403, "origin", "pages of other sites may not ask this server")
        return None

    def _own(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` is accepted: of the same host and port, or of a host that the operator named."""
        if origin.partition("://")[2].lower() == host.lower():
            return True
        return _matches(host_of(origin), self.named)

    def _allows(self, name: str) -> bool:
        if not name:
            return False
        if _is_loopback(name) or _matches(name, self.named):
            return True
        return not self.loopback and (_is_address(name) or "." not in name)


def allowed_hosts(listens_on: str, named: Collection[str]) -> AllowedHosts:
    """The host names accepted by a server that listens on this address; the name it listens on counts as named."""
    loopback = _is_loopback(listens_on.lower())
    bound = [] if loopback or not listens_on or _is_address(listens_on) else [listens_on.lower()]
    return AllowedHosts(loopback, [*named, *bound])


def host_of(url: str) -> str:
    """The host of a URL in lower case, without port, brackets and a final dot; empty when it has none.

    >>> host_of("http://Shop.Example.com.:8080"), host_of("//[::1]:80"), host_of("//a b"), host_of("null")
    ('shop.example.com', '::1', '', '')
    """
    try:
        parts = urlsplit(url)
        name = (parts.hostname or "").removesuffix(".")
        _ = parts.port
    except ValueError:
        return ""
    plain = parts.username is None and not parts.path and not parts.query and not parts.fragment
    return name if plain and name.isprintable() and " " not in name else ""


def _matches(name: str, named: Collection[str]) -> bool:
    return bool(name) and any(
        each in ("*", name) or (each.startswith("*.") and name.endswith(each[1:])) for each in named
    )


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
