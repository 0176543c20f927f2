"""Which hosts and addresses an image may come from: pure decisions, made before a byte is sent."""

import ipaddress
import re
from typing import Literal

from streams.failures import BadMessage

Allowed = Literal["public", "any"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_PORT = re.compile(r":(\d+)$")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def allowed(host: str, port: int, patterns: tuple[str, ...]) -> Allowed:
    """Which addresses `host` may have: any where the operator wrote it out, else public ones only.

    Raises BadMessage (image-refused) for a host that no pattern names, and for numbers that are no plain address
    (decimal, octal and hexadecimal forms that a resolver would turn into one).

    >>> allowed("127.0.0.1", 8000, ("127.0.0.1:8000",))
    'any'
    """
    name = host.lower().rstrip(".")
    bare = name.strip("[]")
    if parse_address(bare) is None and _NUMERIC_LABEL.fullmatch(bare.rsplit(".", 1)[-1]):
        raise BadMessage("image-refused", "its host is a number in a form that is not a plain address")
    named = {_host_of(pattern) for pattern in patterns if _port_of(pattern) in (None, port)}
    if bare in named:  # written out: it wins over a wildcard, wherever each stands
        return "any"
    if any(each == "*" or (each.startswith("*.") and bare.endswith(each[1:])) for each in named):
        return "public"
    raise BadMessage("image-refused", "its host is not among LOOKALIKE_IMAGE_HOSTS")


def _host_of(pattern: str) -> str:
    return _PORT.sub("", pattern).strip("[]")


def _port_of(pattern: str) -> int | None:
    port = _PORT.search(pattern)
    return int(port[1]) if port else None


def is_public(address: Address) -> bool:
    """Whether an address is reachable from anywhere: no private, loopback, link-local, multicast or reserved one.

    An address that carries another inside (v4-mapped, 6to4, Teredo, NAT64) is public only if that one is as well.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner: list[Address] = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
        inner += list(address.teredo or ())
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if inner:
            return all(is_public(each) for each in inner)
        if address.is_site_local:  # fec0::/10, given up by RFC 3879, and private where it is still in use
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def parse_address(host: str) -> Address | None:
    """`host` as an address, where it is one in its plain form."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
