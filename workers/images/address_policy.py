"""Which hosts and addresses an image may come from: pure decisions, made before a byte is sent."""

import ipaddress
import re
from typing import Literal

from streams.errors import BadMessage

Allowed = Literal["public", "any"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_PORT = re.compile(r":(\d+)$")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = 0x5EFE
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # AWS, Google, Azure, Oracle, DigitalOcean, IBM, Huawei, Tencent, OpenStack; ECS, EKS
            "168.63.129.16/32",  # Azure's wire server: global by the registry
            "100.100.100.200/32",  # Alibaba
            "100.96.0.96/32",  # Volcengine
            "192.0.0.192/32",  # Oracle
            "fd00:ec2::/32",  # AWS
            "fd20:ce::/64",  # Google
            "fd00:42::42/128",  # Scaleway
            "fe80::/10",  # OpenStack; nothing that is link-local is an image host
        ),
    )
)


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


def matches(pattern: str, host: str, port: int) -> bool:
    """Whether a pattern of hosts (`img.example.com`, `*.example.com`, `img.example.com:8000`, `*`) names a host.

    >>> matches("*.example.com", "img.example.com", 443), matches("*.example.com", "example.com", 443)
    (True, False)
    """
    name, bare = _host_of(pattern), host.lower().rstrip(".").strip("[]")
    if _port_of(pattern) not in (None, port):
        return False
    return name in ("*", bare) or (name.startswith("*.") and bare.endswith(name[1:]))


def _host_of(pattern: str) -> str:
    return _PORT.sub("", pattern).strip("[]")


def _port_of(pattern: str) -> int | None:
    port = _PORT.search(pattern)
    return int(port[1]) if port else None


def is_public(address: Address) -> bool:
    """Whether an address is reachable from anywhere: no private, loopback, link-local, multicast or reserved one.

    An address that carries another inside (v4-mapped, 6to4, Teredo, NAT64, ISATAP) is public only if that one is as
    well.
    """
    if is_metadata(address):
        return False
    if inner := _inside(address):
        return all(is_public(each) for each in inner)
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False  # fec0::/10, given up by RFC 3879, and private where it is still in use
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_metadata(address: Address) -> bool:
    """Whether a cloud hands out credentials at an address, in whatever form it is written.

    No host may have one, not even a host that the operator wrote out.
    """
    return any(address in network for network in _METADATA) or any(map(is_metadata, _inside(address)))


def _inside(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    inner: list[Address] = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
    inner += list(address.teredo or ())
    low = int(address) & 0xFFFFFFFF
    compatible = int(address) >> 32 == 0 and low > 1  # ::a.b.c.d, but not :: and ::1
    isatap = (int(address) >> 32) & 0xFCFFFFFF == _ISATAP  # RFC 5214, section 6.1
    if address in _NAT64 or compatible or isatap:
        inner.append(ipaddress.IPv4Address(low))
    return inner


def parse_address(host: str) -> Address | None:
    """`host` as an address, where it is one in its plain form."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
