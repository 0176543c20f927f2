"""An image's address as people, logs and dead letters may see it, and the host that it belongs to."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from streams.host_names import ascii_host
from streams.image_urls import STORES


def displayed_url(url: str) -> str:
    """`url` without credentials, query string and fragment.

    >>> displayed_url("https://user:secret@example.com/a.jpg?token=secret")
    'https://example.com/a.jpg'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    if not parts.netloc and parts.scheme != "file":
        return f"{parts.scheme[:20]}:…"  # what stands where a host should be may be anything, a password among it
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"[:300]


def host_of(url: str, roots: tuple[Path, ...]) -> str:
    """Who is asked for `url`: host and port, the root that a file lies below, or a bucket; empty where nobody is.

    Only a name for counting, made without touching a disk: what may be fetched is decided elsewhere.

    >>> host_of("https://user@Example.com/a.jpg", ())
    'example.com:443'
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "file":
            path = Path(os.fsdecode(unquote_to_bytes(parts.path)))
            return next((f"file:{root}" for root in roots if path.is_relative_to(root)), "")
        if parts.scheme in STORES:
            return f"{parts.scheme}://{parts.netloc}"
        name = ascii_host(parts.hostname or "")
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    return f"{name}:{port}" if name and port else ""
