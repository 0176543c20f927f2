"""Messages over a socket, each with its length before it: whole in time, or not at all."""

import socket
import struct
import time

_LENGTH = struct.Struct(">Q")


def send(to: socket.socket, message: bytes, seconds: float | None = None) -> None:
    """Send a whole message; raises TimeoutError if that takes longer than `seconds`, OSError if nobody is there."""
    deadline = None if seconds is None else time.monotonic() + seconds
    for piece in (_LENGTH.pack(len(message)), message):
        to.settimeout(_left(deadline))
        to.sendall(piece)  # its time is for all of it


def receive(source: socket.socket, most: int, seconds: float | None = None) -> bytes:
    """The next message; raises TimeoutError if its last byte has not come after `seconds`, EOFError if it never will,
    OSError for one that is longer than `most` bytes."""
    deadline = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size, deadline))
    if length > most:
        raise OSError(f"a message of {length} bytes, more than {most}")
    return _exactly(source, length, deadline)


def _exactly(source: socket.socket, length: int, deadline: float | None) -> bytes:
    found = bytearray(length)
    rest = memoryview(found)
    while rest:
        source.settimeout(_left(deadline))
        count = source.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return bytes(found)


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
