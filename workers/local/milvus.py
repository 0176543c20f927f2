"""Milvus Lite behind its own gRPC server: its command line and when it is ready."""

from pathlib import Path

from streams.settings import Settings
from workers.local.ports import Address, answers, milvus_address
from workers.local.supervised_process import Process, python

# HTTP/2 opens with this preface and a SETTINGS frame (RFC 9113, 3.4); a gRPC server greets with SETTINGS of its own.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_FRAME_TYPE, _SETTINGS = 3, 4


def process(settings: Settings) -> Process:
    """The vector store as the supervisor runs it."""
    address = milvus_address(settings)
    folder = settings.data / "milvus"
    return Process(
        name="milvus",
        command=python("workers.local.serve_milvus", str(folder), address.host, str(address.port)),
        prepare=lambda: _prepare(folder),
        ready=lambda: is_ready(address),
        grace=10.0,
    )


def is_ready(address: Address) -> bool:
    """Whether a gRPC server greets us; Milvus Lite locks its data before it does."""
    greeted = answers(address, _GREETING)
    return greeted is not None and len(greeted) > _FRAME_TYPE and greeted[_FRAME_TYPE] == _SETTINGS


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
