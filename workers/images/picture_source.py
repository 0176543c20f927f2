"""Where a picture comes from: its host, and the parties that its cost is counted by. Pure.

A host and a port are made at will, and so are names below a domain; an address, a registrable domain and a seller's
account are not. So a fetch counts for each of these, and none of them can take what belongs to the others.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from streams.host_names import ascii_host
from workers.images.address_policy import parse_address
from workers.images.displayed_urls import host_of

_SUFFIXES = PublicSuffixList()  # the copy that comes with the package; no network
_V6_PREFIX = 48
"""Bits: what one customer is given; the addresses below it are made at will."""


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Who is asked for a picture, and for whom."""

    host: str
    """Host and port, the root that a file lies below, or a bucket; empty if nobody is asked."""
    seller: str
    """Empty if it is not known."""
    shared: tuple[str, ...]
    """The registrable domain and the addresses: what other hosts may have as well."""

    @property
    def own(self) -> tuple[str, ...]:
        """The host and the seller."""
        return (self.host, f"seller {self.seller}") if self.seller else (self.host,)

    @property
    def source(self) -> str:
        """Whose pictures they are: the seller's, or those of the site where that is not known."""
        return self.own[-1] if self.seller or not self.shared else self.shared[0]


def picture_source_of(url: str, seller: str, addresses: tuple[str, ...], roots: tuple[Path, ...]) -> PictureSource:
    """The origin of the picture at `url`; `addresses` are those of its host, as far as they are known."""
    host = host_of(url, roots)
    if not host or "/" in host:  # the root of a file, a bucket
        return PictureSource(host, seller, ())
    name = host.rsplit(":", 1)[0]
    return PictureSource(host, seller, tuple(dict.fromkeys((site_of(name), *map(network_of, addresses)))))


@lru_cache(maxsize=10_000)
def site_of(name: str) -> str:
    """The registrable domain of a host name; an address is one by itself.

    >>> site_of("img7.shop.example.co.uk"), site_of("someone.github.io")
    ('example.co.uk', 'someone.github.io')
    """
    name = name.lower().rstrip(".")
    return network_of(name) if parse_address(name) else _SUFFIXES.privatesuffix(name) or name


def site_of_url(url: str) -> str:
    """The registrable domain of a picture's address, whatever its scheme; the scheme if it has no host.

    >>> site_of_url("ftp://img.someone.example.com/a.jpg"), site_of_url("file:///a.jpg"), site_of_url("a.jpg")
    ('example.com', 'file:', ':')
    """
    try:
        parts = urlsplit(url)
        name = ascii_host(parts.hostname or "")
    except ValueError:
        return ":"
    return site_of(name) if name else f"{parts.scheme}:"


def network_of(address: str) -> str:
    """An address as it is counted: IPv4 by itself, IPv6 by its first 48 bits.

    >>> network_of("2001:db8:1::7")
    '2001:db8:1::/48'
    """
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed), _V6_PREFIX), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed or address)
