"""Addresses of pictures: asked for byte by byte as they were published. Pure.

A signed address is good only as it was signed, so nothing is decoded, sorted or re-quoted: only what no address may
hold (spaces, controls, letters beyond ASCII, quotes, angle brackets) is quoted, and the host's name becomes ASCII.
"""

import re
from urllib.parse import urljoin

from yarl import URL

from streams.host_names import ascii_host

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?")
_ASCII_HOST = re.compile(r"[a-z0-9_.-]{1,255}|\[[0-9a-f:.]+\]")
_ILLEGAL = re.compile(rb"[^\x21\x23-\x3b\x3d\x3f-\x7e]")
_WHITE = " \t\r\n\f"


def parse_url(text: str) -> URL:
    """The address `text` as it is asked for. Raises ValueError if it is none.

    >>> str(parse_url("http://a.example/x%2Cy z?sig=a%2Fb+c"))
    'http://a.example/x%2Cy%20z?sig=a%2Fb+c'
    """
    found = _ADDRESS.fullmatch(text.strip(_WHITE).partition("#")[0])
    if found is None:
        raise ValueError("no address")
    scheme, place, rest = found.groups()
    user, at, place = place.rpartition("@")
    host = _HOST.fullmatch(place)
    if host is None or int(host[2] or 0) > 65_535:
        raise ValueError("no host")
    name = ascii_host(host[1])
    if not _ASCII_HOST.fullmatch(name) or any(len(label) > 63 for label in name.split(".") if name[0] != "["):
        raise ValueError("no host name")
    port = f":{int(host[2])}" if host[2] else ""
    path = rest if rest.startswith("/") else f"/{rest}"
    return URL(f"{scheme.lower()}://{quoted(user)}{at}{name}{port}{quoted(path)}", encoded=True)


def redirected(here: URL, location: str) -> URL:
    """Where a redirect of `here` leads to. Raises ValueError if that is no address.

    >>> str(redirected(parse_url("http://a.example/b/c?d"), "e%2C/f?g=%2F"))
    'http://a.example/b/e%2C/f?g=%2F'
    """
    location = location.strip(_WHITE)
    origin = f"{here.scheme}://{here.raw_authority.rpartition('@')[2]}"
    if _ABSOLUTE.match(location):
        return parse_url(location)
    if location.startswith("//"):
        return parse_url(f"{here.scheme}:{location}")
    if location.startswith("/"):
        return parse_url(origin + location)
    return parse_url(urljoin(f"{origin}{here.raw_path_qs}", location))


def quoted(text: str) -> str:
    """`text` with what no address may hold as %XX; what is quoted already stays as it is."""
    raw = text.encode("utf-8", "surrogateescape")
    return _ILLEGAL.sub(lambda illegal: b"%%%02X" % illegal[0][0], raw).decode("ascii")
