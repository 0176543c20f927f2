"""The environment of each process of the local stack: what the operator chose, options included, as variables."""

import json
import os

from streams.image_request_headers import as_json
from streams.settings import Settings


def child_environment(settings: Settings) -> dict[str, str]:
    """Ours, with every `LOOKALIKE_*` variable as `settings` says, and logs as JSON."""
    chosen = {
        "KAFKA": settings.kafka,
        "KAFKA_CONFIG": json.dumps(settings.kafka_config),
        "PREFIX": settings.prefix,
        "MILVUS": settings.milvus,
        "MILVUS_TOKEN": settings.milvus_token.get_secret_value(),
        "MODEL": settings.model,
        "DATA": str(settings.data),
        "HASH_KEY": settings.hash_key.get_secret_value(),
        "SERVE_TOKEN": settings.serve_token.get_secret_value(),
        "IMAGE_ROOTS": os.pathsep.join(str(root) for root in settings.image_roots),
        "IMAGE_HOSTS": ",".join(settings.image_hosts),
        "IMAGE_BUCKETS": ",".join(settings.image_buckets),
        "IMAGE_FORMATS": ",".join(settings.image_formats),
        "IMAGE_HEADERS": as_json(settings.image_headers),
        "CA_FILE": str(settings.ca_file or ""),
        "ALLOWED_HOSTS": ",".join(settings.allowed_hosts),
        "LOG": "json",
    }
    return {**os.environ, **{f"LOOKALIKE_{name}": value for name, value in chosen.items()}}
