"""Every setting of the service, which no other module reads from the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from registry.errors import Invalid
from registry.redis import url as redis_urls
from registry.system.logs import Format  # noqa: TC001 - pydantic reads it
from registry.system.text import holds_secret
from registry.system.validation import in_words

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# What Kubernetes (and Docker with --link) puts into the environment for a Service of the name promptstage.
SERVICE_LINK = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
KEPT = re.compile(r"(?:[2-9]|[1-9]\d{1,3})d?")
ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Settings(BaseSettings):
    """The service's settings; each is read from ``PROMPTSTAGE_<NAME>``, but for `metrics_folder`.

    Attributes:
        repository: the prompt repository, a path or a URL.
        data: the folder of mirror and journal; a backup is a copy of it.
        journal: where registries with data folders of their own share one journal, a bare repository for
            this alone, a path or a URL; unset: the journal is in the data folder, and nowhere else.
        redis_url: a Redis or Valkey that registries share, one server, a Cluster or one that Sentinels know
            (`registry.redis.url` has the forms); unset: an embedded Valkey.
        redis_prefix: keeps several installations apart on one Redis.
        host: the address to listen on.
        port: the port to listen on; 0 lets the system choose one.
        public_url: the address at which people reach this registry, for links in notifications; unset:
            these have none.
        environments: where versions are served.
        poll_seconds: seconds between syncs with the repository; unset: 1 for a path, 30 for a URL.
        git_token_file: opens a private repository over https: a file that holds a token, or ``user:token``.
        git_ssh_key: opens one over ssh: a private key without a passphrase; unset: this user's own keys.
        git_known_hosts: the ssh keys of the repository's host; unset: those that this user knows.
        config: the rules of environments, a TOML file (`registry.policies` reads it); unset: none.
        prices: what models cost, a TOML file (`registry.outcomes.price_file`); unset: the published prices.
        console_key_file: what signs the console's sessions, 32 random bytes, the same for all registries
            behind one address; unset: ``console.key`` in the data folder, made at the first start.
        webhook_secret_file: what the repository's host signs its webhooks with; unset: they are refused.
        database_url: of a PostgreSQL database that registries on several machines share, for what is
            reported of calls; unset: SQLite files in the data folder.
        keep_calls: how long single calls are kept, such as ``30d``; sums are kept longer.
        log_format: `text` for people, `json` for programs.
        access_log: one line a request, without its query.
        metrics_folder: where workers count together, from ``PROMETHEUS_MULTIPROC_DIR``; `serve` sets it.
        failpoints: a file that names an armed failpoint (`registry.system.failpoints`); for tests alone.

    Files of secrets are read when they are needed, so that a secret may be renewed at any time. A proxy on
    the way to the repository is taken from ``https_proxy`` and ``no_proxy``, as everywhere; nothing else
    of the machine's configuration reaches git.
    """

    # An error never repeats a value: an address may hold a password.
    model_config = SettingsConfigDict(
        env_prefix="PROMPTSTAGE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    repository: str = ""
    data: Path = Path(".data")
    journal: str = ""
    redis_url: str = ""
    redis_prefix: str = "promptstage"
    host: str = "127.0.0.1"
    public_url: str = ""
    port: int = Field(default=8000, ge=0, le=65535)
    environments: Annotated[tuple[str, ...], NoDecode] = ("production", "staging")
    poll_seconds: float | None = Field(default=None, gt=0)
    database_url: str = ""
    keep_calls: Annotated[int, NoDecode] = 30
    log_format: Format = "text"
    access_log: bool = False
    metrics_folder: Path | None = Field(default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    git_token_file: Path | None = None
    git_ssh_key: Path | None = None
    git_known_hosts: Path | None = None
    webhook_secret_file: Path | None = None
    config: Path | None = None
    prices: Path | None = None
    console_key_file: Path | None = None
    failpoints: Path | None = None

    @field_validator("host", "port", mode="before")
    @classmethod
    def _pass_over_service_links(cls, value: object, info: ValidationInfo) -> object:
        is_link = isinstance(value, str) and SERVICE_LINK.match(value)
        return cls.model_fields[str(info.field_name)].default if is_link else value

    @field_validator("repository", "journal")
    @classmethod
    def _check_repository(cls, repository: str) -> str:
        repository = repository.strip()
        if holds_secret(repository):
            raise ValueError(
                "an address is shown in logs, so it may hold no user or password; write the token "
                "(or user:token) into a file, and name that in PROMPTSTAGE_GIT_TOKEN_FILE"
            )
        return repository

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if url:
            redis_urls.parse(url)
        return url

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError(
                "write an address of PostgreSQL, such as postgresql://host/promptstage, or nothing"
            )
        return url

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in url):
            raise ValueError(
                "write the address that people use, such as https://prompts.example.org, or nothing"
            )
        return url.rstrip("/")

    @field_validator("keep_calls", mode="before")
    @classmethod
    def _count_days(cls, value: object) -> object:
        if isinstance(value, str) and not KEPT.fullmatch(value):
            raise ValueError("write a number of days from 2 to 9999, such as 30d")
        return int(value.removesuffix("d")) if isinstance(value, str) else value

    @field_validator("environments", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(dict.fromkeys(name.strip() for name in value.split(",")))

    @field_validator("environments")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not ENVIRONMENT_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not an environment's name ([a-z][a-z0-9-]*, 32 at most)")
        return names

    @field_validator("*", mode="before")  # the last one, which pydantic calls first
    @classmethod
    def _strip(cls, value: object, info: ValidationInfo) -> object:
        """Take off the line break that a file of variables or secrets ends with; nothing is the default."""
        if not isinstance(value, str):
            return value
        return value.strip() or cls.model_fields[str(info.field_name)].default


# What is said in place of pydantic's words, which tell no operator what to write.
PLAIN = {
    "float_parsing": "write a number, such as 30",
    "greater_than": "write a number above {gt}",
    "int_parsing": "write a whole number",
    "bool_parsing": "write true or false",
    "greater_than_equal": "write a number from {ge} on",
    "less_than_equal": "write a number up to {le}",
    "literal_error": "write {expected}",
}


def read(**given: Any) -> Settings:
    """Read the settings; what is given beats the environment. Raises Invalid, with all that is wrong."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise Invalid("; ".join(map(_sentence, error.errors()))) from error


def _sentence(found: ErrorDetails) -> str:
    return f"PROMPTSTAGE_{str(found['loc'][0]).upper()}: {in_words(found, PLAIN)}"


def passed_over() -> list[str]:
    """Name the variables whose values are no settings, as they describe a Service of that name."""
    names = ("PROMPTSTAGE_HOST", "PROMPTSTAGE_PORT")
    return [name for name in names if SERVICE_LINK.match(os.environ.get(name, "").strip())]
