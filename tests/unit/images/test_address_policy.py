"""Which hosts and addresses an image may come from."""

import pytest

from streams.errors import BadMessage
from workers.images.address_policy import allowed, is_public, parse_address
from workers.images.resolver import check_address

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::"]


@pytest.mark.parametrize("text", PRIVATE)
def test_not_public(text: str) -> None:
    """Private, loopback, link-local, documentation, multicast and reserved ones, also inside another address."""
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    """Reachable from anywhere."""
    address = parse_address(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "10.0.0.010",
        "0",
        "0x",
        "1.2.3.4.5",
        "999.1.1.1",
        "127.0.0.0x1",
        "127.1.",
        "example.com.1",
    ],
)
def test_a_number_in_another_form_is_refused(host: str) -> None:
    """Decimal, octal, hexadecimal and short forms, which a resolver would turn into an address: under any pattern."""
    for patterns in (("*",), (host,), ("*.1", "*")):
        with pytest.raises(BadMessage) as refused:
            allowed(host, 80, patterns)
        assert refused.value.reason == "image-refused"


@pytest.mark.parametrize(
    ("host", "port", "patterns", "expected"),
    [
        ("example.com", 443, ("*",), "public"),
        ("127.0.0.1", 80, ("*",), "public"),
        ("::1", 80, ("*",), "public"),
        ("img.example.com", 443, ("*.example.com",), "public"),
        ("a.b.example.com", 443, ("*.example.com",), "public"),
        ("IMG.Example.COM", 443, ("*.example.com",), "public"),
        ("example.com", 443, ("example.com",), "any"),
        ("example.com.", 443, ("example.com",), "any"),
        ("127.0.0.1", 8000, ("127.0.0.1:8000",), "any"),
        ("127.0.0.1", 8000, ("*", "127.0.0.1:8000"), "any"),
        ("127.0.0.1", 8001, ("*", "127.0.0.1:8000"), "public"),
        ("localhost", 8000, ("localhost",), "any"),
        ("::1", 8000, ("[::1]",), "any"),
        ("::1", 8000, ("[::1]:8000",), "any"),
        ("[::1]", 8000, ("[::1]:8000",), "any"),
        ("img.example.com", 8443, ("*.example.com:8443",), "public"),
        ("0.0.0.0.example.com", 80, ("*.example.com",), "public"),
    ],
)
def test_allowed(host: str, port: int, patterns: tuple[str, ...], expected: str) -> None:
    """Any address where the host is written out, wherever in the list; only public ones by a wildcard."""
    assert allowed(host, port, patterns) == expected


@pytest.mark.parametrize(
    ("host", "port", "patterns"),
    [
        ("example.com", 443, ()),
        ("example.org", 443, ("example.com", "*.example.com")),
        ("example.com", 443, ("*.example.com",)),
        ("badexample.com", 443, ("*.example.com", "example.com")),
        ("example.com.evil.org", 443, ("example.com", "*.example.com")),
        ("127.0.0.1", 8001, ("127.0.0.1:8000",)),
        ("img.example.com", 443, ("*.example.com:8443",)),
        ("::1", 8001, ("[::1]:8000",)),
        ("::2", 8000, ("[::1]",)),
    ],
)
def test_not_allowed(host: str, port: int, patterns: tuple[str, ...]) -> None:
    """What no pattern names."""
    with pytest.raises(BadMessage, match="LOOKALIKE_IMAGE_HOSTS"):
        allowed(host, port, patterns)


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.0.23",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "100.96.0.96",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
        "::ffff:168.63.129.16",
        "64:ff9b::168.63.129.16",
        "2002:a83f:8110::1",
        "::168.63.129.16",
        "2001:db8::5efe:168.63.129.16",
        "::ffff:169.254.169.254",
    ],
)
def test_no_host_has_a_metadata_address(text: str) -> None:
    """Not under a wildcard, and not even a host that is written out: whatever Python's registry says of the address."""
    for permission in ("public", "any"):
        with pytest.raises(BadMessage) as refused:
            check_address(text, permission)
        assert refused.value.reason == "image-refused"
