"""Who may ask our HTTP servers: by Host against DNS rebinding, by Origin against pages of other sites."""

import pytest

from workers.process.request_origin import allowed_hosts


@pytest.mark.parametrize(
    ("listens_on", "host", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:80", True),
        ("127.0.0.1", "localhost:1", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "[::1]:5", True),
        ("localhost", "127.0.0.1", True),
        ("127.0.0.1", "127.9.9.9", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "evil", False),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "a@localhost", False),
        ("127.0.0.1", "localhost/x", False),
        ("127.0.0.1", "localhost:x", False),
        ("127.0.0.1", "localhost.", True),
        ("127.0.0.1", "shop.example.com", True),
        ("127.0.0.1", "a.shops.example", True),
        ("127.0.0.1", "shops.example", False),
        ("0.0.0.0", "10.0.0.1:9100", True),
        ("0.0.0.0", "index:9100", True),
        ("0.0.0.0", "evil.example", False),
        ("lookalike.internal", "lookalike.internal:80", True),
        ("::", "[fd00::1]:80", True),
    ],
)
def test_hosts(listens_on: str, host: str, allowed: bool) -> None:
    """Loopback's names, the operator's, and beyond loopback what no stranger's name can be; nothing else."""
    refusal = allowed_hosts(listens_on, ["shop.example.com", "*.shops.example"]).refusal_of({"host": host})
    assert (refusal is None) == allowed
    assert refusal is None or refusal.status == 421


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ({}, True),
        ({"origin": "http://localhost:80"}, True),
        ({"origin": "http://localhost:81"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://shop.example.com"}, True),
        ({"origin": "https://shop.example.com.evil.example"}, False),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_origins(more: dict[str, str], allowed: bool) -> None:
    """Programs send neither header; browsers say whose page it is: our own, or one that the operator named."""
    refusal = allowed_hosts("127.0.0.1", ["shop.example.com"]).refusal_of({"host": "localhost:80", **more})
    assert (refusal is None) == allowed
    assert refusal is None or refusal.status == 403
