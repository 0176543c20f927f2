"""Client options: LOOKALIKE_KAFKA_CONFIG (librdkafka's names) translated for Faust's driver; others are refused."""

import ssl
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import SASLMechanism

from streams.errors import UsageError
from streams.settings import Settings
from streams.tls import kafka_config

_SSL_FILES = {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"}
_SASL = {"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"}
_MECHANISMS = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
_KNOWN = {"security.protocol", *_SSL_FILES, *_SASL}


def broker_options(settings: Settings) -> dict[str, Any]:
    """Faust's `broker` and `broker_credentials`; raises UsageError for a setting without an equivalent."""
    config = kafka_config(settings)
    if unknown := sorted(set(config) - _KNOWN):
        raise UsageError(
            f"LOOKALIKE_KAFKA_CONFIG: {unknown[0]} can't be given to the index workers' driver; it takes "
            f"{', '.join(sorted(_KNOWN))}",
        )
    options: dict[str, Any] = {"broker": [f"kafka://{server.strip()}" for server in settings.kafka.split(",")]}
    protocol = str(config.get("security.protocol", "plaintext")).upper()
    if protocol not in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        raise UsageError(f"LOOKALIKE_KAFKA_CONFIG: security.protocol {protocol} is not known")
    context = _ssl_context(config) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        options["broker_credentials"] = SSLCredentials(context=context)
    elif protocol.startswith("SASL"):
        options["broker_credentials"] = _sasl(config, context)
    return options


def _ssl_context(config: dict[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.get("ssl.ca.location"))
        if certificate := config.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, config.get("ssl.key.location"), config.get("ssl.key.password"))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"LOOKALIKE_KAFKA_CONFIG: the TLS files can't be loaded ({error})") from None
    return context


def _sasl(config: dict[str, Any], context: ssl.SSLContext | None) -> faust.types.auth.CredentialsT:
    mechanism = str(config.get("sasl.mechanism", config.get("sasl.mechanisms", "PLAIN"))).upper()
    if mechanism not in _MECHANISMS:
        raise UsageError(
            f"LOOKALIKE_KAFKA_CONFIG: sasl.mechanism {mechanism} can't be given to the index workers' driver; it takes "
            f"{', '.join(sorted(_MECHANISMS))}",
        )
    return SASLCredentials(
        username=config.get("sasl.username"),
        password=config.get("sasl.password"),
        mechanism=SASLMechanism(mechanism),
        ssl_context=context,
    )
