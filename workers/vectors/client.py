"""pymilvus' own client, and its errors told apart by what they demand of us."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from streams.failures import BadMessage, Broken, CommandFailed, SlowDown, unreachable
from streams.settings import Settings

# Every failed call is logged by pymilvus as well; we raise it, and whoever handles it says so once.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

# Codes of a row that will never be taken: Milvus' "invalid parameter" range, and Milvus Lite's "illegal argument".
_ROW_REJECTED = {6, 1100, 1101}
_UNSPECIFIC = {65535}
"""Milvus up to 2.3 has one code for much; these words in its message mean that the call will never be taken."""
_NEVER_TAKEN = ("cannot parse expression", "should divide the dim")
_NO_COLLECTION = {100}
_NOT_LOADED = 101
TIMEOUT_SECONDS = 10.0
"""For any one call. Without it pymilvus tries again for minutes, and a silent server holds a call for ever."""

_GRPC = {
    # pymilvus pings an idle server every 10 s; Milvus Lite's takes that for abuse and hangs up.
    "grpc.keepalive_permit_without_calls": False,
    # gRPC waits longer and longer between two attempts to connect, up to two minutes: a server that was away for a
    # minute would be back for half of one before we knew.
    "grpc.max_reconnect_backoff_ms": 2_000,
}

Result = TypeVar("Result")


def connect(settings: Settings) -> MilvusClient:
    """A client of the server in the settings; raises CommandFailed (exit 3) where none answers."""
    try:
        return MilvusClient(
            uri=settings.milvus, token=settings.milvus_token.get_secret_value(), timeout=TIMEOUT_SECONDS,
            grpc_options=_GRPC,
        )  # fmt: skip
    except (MilvusException, grpc.RpcError):
        remedy = "start the local stack with `lookalike up`, or set LOOKALIKE_MILVUS"
        raise unreachable("Milvus", settings.milvus, remedy) from None


def read(client: MilvusClient, collection: str, call: Callable[[], Result]) -> Result:
    """The result of a query or search; the collection is loaded first where the server has let go of it.

    Milvus Lite comes back from a restart with every collection released; Milvus loads them again by itself.
    """
    with told_apart():
        try:
            return call()
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
            client.load_collection(collection, timeout=TIMEOUT_SECONDS)
            return call()


@contextmanager
def told_apart() -> Iterator[None]:
    """Turn pymilvus' errors into SlowDown (away or overloaded), BadMessage (a row refused), Broken (no collection).

    An error that is not known is SlowDown: waiting loses nothing, where a dead letter would.
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
            raise Broken(f"Milvus has no such collection any more: {_text(error)}") from error
        raise SlowDown(f"Milvus: {_text(error)}") from error
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise SlowDown(f"Milvus: {error}") from error


def _text(error: MilvusException) -> str:
    return f"code {error.code}, {error.message}"


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """For commands: Milvus' failures as one line each, with the remedy and the exit status."""
    try:
        yield
    except SlowDown as away:
        raise unreachable("Milvus", settings.milvus, f"it said: {away}") from None
    except BadMessage as refused:
        raise CommandFailed(f"Milvus does not take this: {refused.error}", 2) from None
    except Broken as broken:
        raise CommandFailed(str(broken), 1) from None
