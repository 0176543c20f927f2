"""For decoder processes alone: the answer to a picture with the marker stops in its middle, and so does its process."""

import os
import signal
import socket
import sys

MARKER = b"half an answer"

if "workers.images.decoder_process" in sys.orig_argv:
    from workers.images import message_framing

    _send, _receive = message_framing.send, message_framing.receive
    _stops = False

    def receive(source: socket.socket, most: int, seconds: float | None = None) -> bytes:
        """As it is, and see whether the picture has the marker."""
        global _stops
        message = _receive(source, most, seconds)
        _stops = MARKER in message
        return message

    def send(to: socket.socket, message: bytes, seconds: float | None = None) -> None:
        """The length and half of the message, where the picture has the marker."""
        if _stops:
            to.sendall(len(message).to_bytes(8, "big") + message[: len(message) // 2])
            os.kill(os.getpid(), signal.SIGSTOP)
        _send(to, message, seconds)

    message_framing.receive, message_framing.send = receive, send
