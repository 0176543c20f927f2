"""Whose certificates are believed, besides or in place of the system's: the operator's (`LOOKALIKE_CA_FILE`)."""

import ssl
from typing import Any

from streams.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext:
    """For connections that Python's own TLS makes to anyone: the system's authorities, and the operator's."""
    context = ssl.create_default_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    return context


def kafka_config(settings: Settings) -> dict[str, Any]:
    """The operator's settings of Kafka's clients; brokers with TLS are checked against the operator's authorities.

    What LOOKALIKE_KAFKA_CONFIG says of authorities itself comes first.
    """
    config = settings.kafka_config
    own = settings.ca_file is None or {"ssl.ca.location", "ssl.ca.pem"} & config.keys()
    if own or not str(config.get("security.protocol", "")).lower().endswith("ssl"):
        return config
    return {**config, "ssl.ca.location": str(settings.ca_file)}


def milvus_options(settings: Settings) -> dict[str, Any]:
    """What pymilvus is given for a server with TLS: one file of authorities, in place of those that gRPC comes with."""
    if settings.ca_file is None or not settings.milvus.startswith("https:"):
        return {}
    return {"server_pem_path": str(settings.ca_file)}
