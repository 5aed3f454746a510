"""Every setting of the service, and the only module that reads the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Settings(BaseSettings):
    """The service's settings; each is read from ``PROMPTSTAGE_<NAME>``.

    Attributes:
        repository: the prompt repository, a path or a URL.
        data: the folder of mirror and journal; a backup is a copy of it.
        redis_url: a Redis or Valkey that registries share; unset: an embedded Valkey.
        redis_prefix: keeps several installations apart on one Redis.
        host: the address to listen on.
        port: the port to listen on; 0 lets the system choose one.
        environments: where versions are served.
        poll_seconds: how often to look at the repository; unset: 1 for a path, 30 for a URL.
    """

    model_config = SettingsConfigDict(env_prefix="PROMPTSTAGE_", extra="ignore")

    repository: str = ""
    data: Path = Path(".data")
    redis_url: str = ""
    redis_prefix: str = "promptstage"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    environments: Annotated[tuple[str, ...], NoDecode] = ("production", "staging")
    poll_seconds: float | None = Field(default=None, gt=0)

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://host:6379, rediss:// for TLS, or unix:///path/of/a.sock")
        return url

    @field_validator("environments", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("environments")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not ENVIRONMENT_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not an environment's name ([a-z][a-z0-9-]*, 32 at most)")
        return names
