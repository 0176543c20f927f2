"""Host names as they are asked for: in ASCII, whatever letters they were written in."""

import idna


def ascii_host(name: str) -> str:
    """A host name in the form of the name servers (punycode), in lower case. Raises ValueError if it has none.

    By UTS 46, as browsers do; names that newer rules do not allow (emoji) by the older ones.

    >>> ascii_host("Bücher.example"), ascii_host("img.example")
    ('xn--bcher-kva.example', 'img.example')
    """
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return name.encode("idna").decode("ascii").lower()
