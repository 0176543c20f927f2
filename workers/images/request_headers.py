"""Which headers an image host is sent: ours, and those that the operator chose for it. Pure."""

from collections.abc import Mapping

from yarl import URL

from streams.image_request_headers import OPEN, Headers
from workers.images.address_policy import matches

_OURS = {"User-Agent": "lookalike", "Accept": "image/jpeg,image/png,image/webp", "Accept-Encoding": "identity"}


class RequestHeaders:
    """The headers of each request, by its host."""

    def __init__(self, chosen: Headers) -> None:
        # From the widest to the narrowest, so that the narrowest has the last word.
        self._chosen = sorted(chosen.items(), key=lambda each: _narrowness(each[0]))

    def of(self, url: URL, *, trusted: bool) -> Mapping[str, str]:
        """The headers of a request for `url`.

        `trusted` says that it is the published address, or of the same host. Elsewhere a redirect decided where the
        request goes, and what may hold a secret is left out.
        """
        headers = {name.lower(): (name, value) for name, value in _OURS.items()}
        for pattern, each in self._chosen:
            if matches(pattern, url.raw_host or "", url.port or 0):
                for name, value in each.items():
                    if trusted or name.lower() in OPEN:
                        headers[name.lower()] = (name, value.get_secret_value())
        return dict(headers.values())


def same_host(before: URL, after: URL) -> bool:
    """Whether a redirect stays at its host: the same scheme, name and port, or from http to https on their own ports.

    >>> same_host(URL("http://a.example/"), URL("https://a.example/")), same_host(URL("http://a/"), URL("http://a:81/"))
    (True, False)
    """
    if before.raw_host != after.raw_host:
        return False
    ends = (before.scheme, before.port), (after.scheme, after.port)
    return ends[0] == ends[1] or ends == (("http", 80), ("https", 443))


def _narrowness(pattern: str) -> tuple[int, int, bool]:
    name, _, port = pattern.rpartition(":") if not pattern.endswith("]") and ":" in pattern else (pattern, "", "")
    return 0 if name == "*" else 1 if name.startswith("*") else 2, len(name), bool(port)
