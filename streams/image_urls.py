"""Addresses of pictures: which can be fetched at all, whatever their host will answer."""

from collections.abc import Collection
from urllib.parse import urlsplit

STORES = ("s3", "gs")
"""Object stores; of those, buckets that the operator named."""
SCHEMES = ("http", "https", "file", *STORES)
"""What index workers fetch; everything else is refused by them, and by `publish` before it is an event."""


def why_not_fetchable(url: str, buckets: Collection[str] = ()) -> str | None:
    """Why no worker could ever fetch a picture from `url`; None if one might. `buckets` are those of the settings.

    >>> why_not_fetchable("https://img.example.com:99999/1.jpg")
    'its port is not between 1 and 65535'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is not an address"
    scheme = parts.scheme.lower()
    if not scheme:
        return "it is relative; give the whole address, such as https://img.example.com/1.jpg"
    if scheme not in SCHEMES:
        return f"{scheme[:20]}: addresses are not fetched, only {', '.join(SCHEMES)}"
    if scheme == "file":
        return _file(parts.netloc, parts.path)
    if scheme in STORES:
        return _object(f"{scheme}://{parts.netloc}", url, buckets)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        return "its port is not between 1 and 65535"
    if not host:
        return "it has no host"
    return "its port is not between 1 and 65535" if port == 0 else None


def _file(host: str, path: str) -> str | None:
    if host not in ("", "localhost"):
        return "a file: address must be of this machine: file:///folder/1.jpg"
    return None if path.startswith("/") and path != "/" else "it has no path"


def _object(bucket: str, url: str, buckets: Collection[str]) -> str | None:
    if bucket not in buckets:
        return f"{bucket[:100]} is not among LOOKALIKE_IMAGE_BUCKETS"
    return None if url.strip().partition("://")[2].partition("/")[2] else "it has no key"
