"""Every setting, read in one place from `LOOKALIKE_*` environment variables and a `.env` file."""

import json
import os
import re
import ssl
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streams.errors import UsageError
from streams.host_names import ascii_host
from streams.image_request_headers import Headers, check_headers, read_headers

_PREFIX = "LOOKALIKE_"
_SECRET = {"kafka_config", "image_headers", "milvus_token", "hash_key", "serve_token"}
"""Settings that may hold a password: what they hold is never shown."""
_HOST_PATTERN = re.compile(r"(\*|(\*\.)?[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE)
_BUCKET = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class Settings(BaseSettings):
    """What the operator chose; frozen, so that what was chosen is never confused with what was counted."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True)

    kafka: str = Field("127.0.0.1:29092", description="bootstrap servers")
    kafka_config: Annotated[dict[str, Any], NoDecode] = Field(
        default_factory=dict, description="further client settings, librdkafka's spelling"
    )
    prefix: str = Field("", pattern=r"^([a-z][a-z0-9_]*)?$", description="before every topic, group, alias, collection")
    milvus: str = Field("http://127.0.0.1:29530", pattern=r"^https?://", description="URI of a Milvus server")
    milvus_token: SecretStr = Field(SecretStr(""), description="token or user:password; never logged")
    model: str = Field("", description="model folder, or Hugging Face id org/name@revision; empty: the bundled model")
    data: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("lookalike"), description="local stack, models, records"
    )
    hash_key: SecretStr = Field(
        SecretStr(""), description="key of keyed hashes; never logged; empty: the file hash.key in LOOKALIKE_DATA"
    )
    serve_token: SecretStr = Field(
        SecretStr(""), description="what may send interactions to `serve`; never logged; empty: on loopback alone"
    )
    image_roots: Annotated[tuple[Path, ...], NoDecode] = Field((), description="folders for file:// images")
    image_hosts: Annotated[tuple[str, ...], NoDecode] = Field(("*",), description="hosts that images may come from")
    image_buckets: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="buckets that s3:// and gs:// images may come from"
    )
    image_formats: Annotated[tuple[Literal["GIF", "AVIF"], ...], NoDecode] = Field(
        (), description="formats of images taken besides JPEG, PNG and WebP: GIF, AVIF"
    )
    image_headers: Annotated[Headers, NoDecode] = Field(
        default_factory=dict, description="request headers by image host, as JSON; never logged"
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) of the authorities that image hosts, Milvus and Kafka are checked against"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="names under which our HTTP servers are asked, besides loopback's: host, *.domain or *"
    )
    log: Literal["console", "json"] | None = Field(None, description="console on a terminal, else json")

    @field_validator("kafka_config", mode="before")
    @classmethod
    def _read_config(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("image_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("image_roots")
    @classmethod
    def _absolute_roots(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(root.expanduser().resolve() for root in roots)

    @field_validator("image_hosts", "allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return [_ascii_pattern(each) for each in value] if isinstance(value, list | tuple) else value

    @field_validator("image_hosts", "allowed_hosts")
    @classmethod
    def _known_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST_PATTERN.fullmatch(host):
                raise ValueError(f"{host!r} is not a host, *.domain, host:port or *")
        return hosts

    @field_validator("image_buckets", mode="before")
    @classmethod
    def _split_buckets(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("image_buckets")
    @classmethod
    def _known_buckets(cls, buckets: tuple[str, ...]) -> tuple[str, ...]:
        for bucket in buckets:
            if not _BUCKET.fullmatch(bucket):
                raise ValueError(f"{bucket!r} is not a bucket as in s3://shop-pictures or gs://shop-pictures")
        return buckets

    @field_validator("image_formats", mode="before")
    @classmethod
    def _split_formats(cls, value: object) -> object:
        return [part.strip().upper() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("image_headers", mode="before")
    @classmethod
    def _read_headers(cls, value: object) -> object:
        found = read_headers(value) if isinstance(value, str) else value
        return {_ascii_pattern(host): each for host, each in found.items()} if isinstance(found, dict) else found

    @field_validator("image_headers")
    @classmethod
    def _fit_headers(cls, headers: Headers) -> Headers:
        cls._known_hosts(tuple(headers))
        for host, each in headers.items():
            check_headers(host, each)
        return headers

    @field_validator("ca_file", mode="before")
    @classmethod
    def _no_file(cls, value: object) -> object:
        return value or None

    @field_validator("ca_file")
    @classmethod
    def _known_authorities(cls, file: Path | None) -> Path | None:
        if file is None:
            return None
        file = file.expanduser().absolute()
        try:
            ssl.create_default_context().load_verify_locations(file)
        except OSError as error:  # SSLError among them
            why = "it holds no certificate (PEM)" if isinstance(error, ssl.SSLError) else error.strerror
            raise ValueError(f"{file} can't be used: {why}") from None
        return file

    @field_validator("data")
    @classmethod
    def _absolute_data(cls, data: Path) -> Path:
        return data.expanduser().absolute()

    @cached_property
    def cache(self) -> Path:
        """Where what can be fetched again lives: the local broker's jars. Shared by all catalogues of a user."""
        return platformdirs.user_cache_path("lookalike")

    def named(self, name: str) -> str:
        """`name` of a topic, group, alias or collection, with the operator's prefix before it."""
        return self.prefix + name


def _ascii_pattern(pattern: object) -> object:
    """A pattern of hosts whose letters are not ASCII, as it is looked for: in punycode."""
    if not isinstance(pattern, str):
        return pattern
    star = "*." if pattern.startswith("*.") else ""
    name, colon, port = pattern.removeprefix(star).partition(":") if "[" not in pattern else (pattern, "", "")
    try:
        return f"{star}{ascii_host(name)}{colon}{port}"
    except ValueError:
        raise ValueError(f"{pattern!r} is no host name") from None


def read_settings(**given: Any) -> Settings:
    """Settings from the environment and `.env`; `given` (command-line options) win where they are not None.

    Raises UsageError with one line that names the variable that is unknown or has a bad value.
    """
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted({*os.environ, *dotenv_values(".env")}):
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            raise UsageError(f"{name} is not a setting of Lookalike; the settings are {', '.join(sorted(known))}")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        got = "" if name in _SECRET or "@" in str(first["input"]) else f" (got {first['input']!r})"
        raise UsageError(f"{_PREFIX}{name.upper()}: {first['msg']}{got}") from None
