"""Which hosts and addresses an image may come from: pure decisions, made before a byte is sent."""

import ipaddress
import re
from typing import Literal

from streams.failures import BadMessage

Allowed = Literal["public", "any"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
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
    for pattern in patterns:
        wanted, _, wanted_port = pattern.partition(":") if not pattern.startswith("[") else pattern.rpartition(":")
        if pattern.endswith("]"):
            wanted, wanted_port = pattern, ""
        if wanted_port and int(wanted_port) != port:
            continue
        if wanted.strip("[]") == bare:
            return "any"
        if wanted == "*" or (wanted.startswith("*.") and bare.endswith(wanted[1:])):
            return "public"
    raise BadMessage("image-refused", "its host is not among LOOKALIKE_IMAGE_HOSTS")


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
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def parse_address(host: str) -> Address | None:
    """`host` as an address, where it is one in its plain form."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
