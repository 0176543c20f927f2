"""The URL of a server of ours, as seen from this machine."""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable_url(host: str, port: int) -> str:
    """The URL that reaches a server that listens on `host`; for all addresses, that is loopback.

    >>> reachable_url("0.0.0.0", 80), reachable_url("::", 80), reachable_url("shop", 80)
    ('http://127.0.0.1:80', 'http://[::1]:80', 'http://shop:80')
    """
    name = _LOOPBACK.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"
