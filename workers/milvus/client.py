"""The Milvus client: connecting, and the translation of pymilvus' errors to ours."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from streams.errors import BadMessage, Broken, CollectionGone, LookalikeError, SlowDown, UsageError, unreachable
from streams.settings import Settings
from streams.tls import milvus_options

# pymilvus logs every failed call as well; we raise the error, and its handler logs it once.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

# Codes of a row that will never be accepted: Milvus' "invalid parameter" range, and Milvus Lite's "illegal argument".
_ROW_REJECTED = {6, 1100, 1101}
_UNSPECIFIC = {1, 65535}
"""Codes of Milvus Lite, and of Milvus up to 2.3, for many errors; `_NEVER_TAKEN` are the texts of permanent ones."""
_NEVER_TAKEN = ("cannot parse expression", "should divide the dim", "int too large")
_NO_COLLECTION = {100}
_NOT_LOADED = 101
TIMEOUT_SECONDS = 10.0
"""For any one call. Without it pymilvus retries for minutes, and a silent server blocks a call for ever."""

_GRPC = {
    # pymilvus pings an idle server every 10 s; Milvus Lite's takes that for abuse and hangs up.
    "grpc.keepalive_permit_without_calls": False,
    # gRPC's reconnect backoff grows up to two minutes: a server that was down for a minute would be up for half of one
    # before we noticed.
    "grpc.max_reconnect_backoff_ms": 2_000,
}

Result = TypeVar("Result")


def connect(settings: Settings) -> MilvusClient:
    """A client of the server in the settings; raises ServiceUnavailable if it does not answer."""
    try:
        return MilvusClient(
            uri=settings.milvus,
            token=settings.milvus_token.get_secret_value(),
            timeout=TIMEOUT_SECONDS,
            grpc_options=_GRPC,
            **milvus_options(settings),
        )
    except (MilvusException, grpc.RpcError):
        remedy = "start the local stack with `lookalike up`, or set LOOKALIKE_MILVUS"
        raise unreachable("Milvus", settings.milvus, remedy, _unresolved(settings.milvus)) from None


def _unresolved(uri: str) -> str:
    """The resolver's error, if the host of `uri` does not resolve; pymilvus has one message for every cause."""
    host = urlsplit(uri).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        return f"failed to resolve {host} ({getattr(error, 'strerror', None) or error})"
    return ""


def read(client: MilvusClient, collection: str, call: Callable[[], Result]) -> Result:
    """The result of a query or search; loads the collection first if the server has released it.

    After a restart of Milvus Lite every collection is released; Milvus loads them again by itself.
    """
    with translate_errors():
        try:
            return call()
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
            client.load_collection(collection, timeout=TIMEOUT_SECONDS)
            return call()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate pymilvus' errors: SlowDown (unavailable or overloaded), BadMessage (row refused),
    CollectionGone.

    An unknown error is SlowDown: waiting loses nothing, a dead letter would.
    """
    try:
        yield
    except (ParamError, DataNotMatchException) as error:
        raise BadMessage("row-rejected", _text(error)) from error
    except MilvusException as error:
        if error.code in _ROW_REJECTED or (
            error.code in _UNSPECIFIC and any(words in str(error.message) for words in _NEVER_TAKEN)
        ):
            raise BadMessage("row-rejected", _text(error)) from error
        if error.code in _NO_COLLECTION:
            raise CollectionGone(f"Milvus has no such collection any more: {_text(error)}") from error
        raise SlowDown(f"Milvus: {_text(error)}") from error
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise SlowDown(f"Milvus: {error}") from error


def _text(error: MilvusException) -> str:
    return f"code {error.code}, {error.message}"


@contextmanager
def as_command_failure(settings: Settings) -> Iterator[None]:
    """For commands: translate the errors of a stream to those of a request, one line with the remedy."""
    try:
        yield
    except SlowDown as away:
        raise unreachable("Milvus", settings.milvus, f"it said: {away}") from None
    except BadMessage as refused:
        raise UsageError(f"Milvus does not take this: {refused.error}") from None
    except Broken as broken:
        raise LookalikeError(str(broken)) from None
