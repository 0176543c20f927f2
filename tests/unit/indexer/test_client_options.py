"""The operator's Kafka settings, translated for the agents' driver: all of them, or the command ends."""

from typing import Any

import pytest

from streams.errors import UsageError
from streams.settings import Settings
from workers.indexer.faust.client_options import broker_options


def options(**config: Any) -> dict[str, Any]:
    """What Faust is given."""
    names = {name.replace("_", "."): value for name, value in config.items()}
    return broker_options(Settings(kafka="k1:9092, k2:9092", kafka_config=names))


def test_servers() -> None:
    """Each bootstrap server becomes one address of Faust's driver on aiokafka."""
    assert options() == {"broker": ["kafka://k1:9092", "kafka://k2:9092"]}


def test_sasl_over_tls() -> None:
    """User, password and mechanism arrive, and the connection is checked against the system's authorities."""
    scram = {"sasl_mechanisms": "SCRAM-SHA-512", "sasl_username": "u", "sasl_password": "p"}
    given = options(security_protocol="SASL_SSL", **scram)
    credentials = given["broker_credentials"]
    assert (credentials.username, credentials.password) == ("u", "p")
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.ssl_context is not None
    assert credentials.ssl_context.check_hostname


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"socket_timeout_ms": 5}, "socket.timeout.ms"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "OAUTHBEARER"),
        ({"security_protocol": "carrier pigeon"}, "CARRIER PIGEON"),
        ({"security_protocol": "SSL", "ssl_ca_location": "/nowhere/ca.pem"}, "TLS files"),
    ],
)
def test_what_can_not_be_given(config: dict[str, Any], named: str) -> None:
    """Ends the command with exit status 2 and a line that names it; it is never dropped in silence."""
    with pytest.raises(UsageError, match=named):
        options(**config)
