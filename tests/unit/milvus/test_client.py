"""What each of Milvus' errors demands: wait, let go of one row, or stop."""

import grpc
import pytest
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from streams.errors import BadMessage, Broken, SlowDown
from workers.milvus.client import translate_errors


class _Away(grpc.RpcError):  # type: ignore[misc]  # grpc ships no types
    """As grpc raises it."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(MilvusException(2, "Fail connecting to server"), SlowDown, id="no server"),
        pytest.param(MilvusException(8, "rate limit exceeded"), SlowDown, id="rate limit"),
        pytest.param(MilvusException(5, "not ready to serve"), SlowDown, id="starting"),
        pytest.param(MilvusException(4_711, "something new"), SlowDown, id="an error that nobody knows"),
        pytest.param(_Away("deadline exceeded"), SlowDown, id="no answer in time"),
        pytest.param(grpc.FutureTimeoutError(), SlowDown, id="no connection in time"),
        pytest.param(MilvusException(1_100, "invalid parameter"), BadMessage, id="a row that is never taken"),
        pytest.param(ParamError(message="wrong"), BadMessage, id="a row that pymilvus refuses"),
        pytest.param(DataNotMatchException(message="wrong"), BadMessage, id="a row of another schema"),
        pytest.param(MilvusException(100, "collection not found"), Broken, id="no collection"),
    ],
)
def test_told_apart(error: Exception, kind: type[Exception]) -> None:
    """Only what says of itself that it is about the row is a bad message: waiting loses nothing."""
    with pytest.raises(kind), translate_errors():
        raise error
