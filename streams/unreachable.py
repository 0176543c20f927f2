"""Why Kafka can't be reached, in the words of its client: a name that does not resolve, a port that refuses, TLS.

librdkafka answers a call with "timed out" whatever the cause; the cause is told to the callback for errors alone.
"""

import re
from collections.abc import Iterable

from confluent_kafka import KafkaError

_CAUSES = (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE, KafkaError._TRANSPORT)
"""The most telling first: after a refused password the connection is closed, which is told as well."""
_RESOLVE = re.compile(r"Failed to resolve '(?P<host>[^']+?)(:\d+)?': (?P<why>.*)")
_AROUND = re.compile(r"^\S+/(bootstrap|\d+): | \(after \d+ms.*\)$")
"""Which broker, as librdkafka numbers them, and after how long: of no use to whoever reads one line."""


def connection_failure(errors: Iterable[KafkaError]) -> str:
    """The cause among what a client was told, in a few words; empty if it was told none.

    >>> connection_failure([KafkaError(KafkaError._RESOLVE, "k-0.internal:9092/1: Failed to resolve "
    ...     "'k-0.internal:9092': Name or service not known (after 0ms in state CONNECT)")])
    'failed to resolve k-0.internal (Name or service not known)'
    """
    told = sorted((each for each in errors if each.code() in _CAUSES), key=lambda each: _CAUSES.index(each.code()))
    if not told:
        return ""
    text = _AROUND.sub("", told[0].str())
    found = _RESOLVE.search(text)
    return f"failed to resolve {found['host']} ({found['why']})" if found else text


def unresolved_host(errors: Iterable[KafkaError]) -> str:
    """The host among them whose name did not resolve; empty if there is none."""
    found = filter(None, (_RESOLVE.search(each.str()) for each in errors))
    return next((each["host"] for each in found), "")


def is_no_answer(error: KafkaError) -> bool:
    """Whether no broker answered: an error of the client's own, none that a broker sent."""
    return bool(error.code() < 0)
