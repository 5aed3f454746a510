"""A private repository behind a running registry: nobody learns the secret from it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from git_hosts import http_host
from pydantic import ValidationError
from support import PromptRepository, Registry, until

from registry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from git_hosts import HttpHost

SECRET = "hunter2-of-the-service"


@pytest.fixture
def host(new_repository: PromptRepository) -> Iterator[HttpHost]:
    """The repository over http, for those who know the secret."""
    with http_host(new_repository.path.parent, f"x-access-token:{SECRET}") as started:
        yield started


@pytest.fixture
def private(host: HttpHost, tmp_path: Path) -> Iterator[Registry]:
    """A registry of that repository."""
    token = tmp_path / "token"
    token.write_text(SECRET)
    address = f"{host.url}/repository"
    started = Registry(address, tmp_path / "data", git_token_file=str(token), poll_seconds="0.1")
    with closing(started.api):
        yield started
    started.kill()


def test_the_secret_is_nowhere(host: HttpHost, private: Registry, tmp_path: Path) -> None:
    """Whether it opens the repository or not: in no answer, no log line, and no file of the data folder."""
    opened = private.api.get("/v1/prompts/summarize/versions/1.2.0").json
    host.password = "another"
    shut = until(lambda: private.api.get("/v1/catalog").json["error"], "the complaint", private.log)
    private.find("cannot be read: .* refuses the token in")
    answers = "".join(private.api.get(path).text for path in ("/readyz", "/v1/catalog", "/metrics"))

    assert opened["status"] == "valid"
    assert f"refuses the token in {tmp_path}/token" in shut
    assert SECRET not in answers + private.log
    stored = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert [file for file in stored if SECRET.encode() in file.read_bytes()] == []


@pytest.mark.parametrize(
    "address",
    [
        f"https://ada:{SECRET}@example.org/prompts.git",
        f"https://{SECRET}@example.org/prompts.git",
        f"ssh://git:{SECRET}@example.org/prompts.git",
        f" https://{SECRET}@example.org/prompts.git",
    ],
)
def test_an_address_holds_no_secret(address: str) -> None:
    """It would be in every list of processes and every log, so the service does not start with it."""
    with pytest.raises(ValidationError, match="name that in PROMPTSTAGE_GIT_TOKEN_FILE") as caught:
        Settings(repository=address)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("address", ["git@example.org:a/b.git", "ssh://git@example.org:22/b.git", "./a@b:c"])
def test_a_users_name_is_no_secret(address: str) -> None:
    """Ssh needs one."""
    assert Settings(repository=address).repository == address


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files and unit files write what is not set."""
    monkeypatch.setenv("PROMPTSTAGE_GIT_TOKEN_FILE", "")

    assert Settings().git_token_file is None
