"""What an author does wrong in git is told, and changes nothing that was right."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from support import prompt, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Api, PromptRepository, Registry

BAD = {
    "yaml": ("messages: [\n", 2),
    "duplicate": ("model: a\nmodel: b\n" + prompt(), 2),
    "anchor": ("model: &m a\n" + prompt(), 1),
    "role": (prompt().replace("user", "wizard"), 2),
    "nothing": ("model: a\n", 1),
    "large": (prompt("x" * 300 * 1024), 1),
    "undeclared": (prompt("{{text}} {{tone}}", "text"), 3),
}


def catalog(api: Api) -> Any:
    """What the registry says of the repository."""
    return api.get("/v1/catalog").json


def test_bad_files_are_invalid_versions_and_stop_nobody(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """Each says where it is bad, staging it says the same, and the good ones are served."""
    for name, (content, _) in BAD.items():
        new_repository.tag(f"bad/{name}", "1.0.0", content)
    api = serve(source=new_repository).api

    for name, (_, line) in BAD.items():
        version = api.get(f"/v1/prompts/bad/{name}/versions/1.0.0").json
        refused = api.act("promote", f"bad/{name}", {"version": "1.0.0"})
        assert (version["status"], version["problem"]["line"]) == ("invalid", line), version
        assert (refused.status, refused.json["problem"]) == (422, version["problem"])
    assert api.act("promote", "summarize", {"version": "1.0.0"}).status == 200


def test_hostile_tags_are_ignored_and_counted(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """Nothing but the grammar makes a version; the rest is counted, and shown escaped."""
    head = new_repository.git("rev-parse", "HEAD")
    hostile = [
        "-x/v1.0.0", "$(touch_pwned)/v1.0.0", "summarize/v01.0.0", "summarize/V1.0.3", "Summarize/v1.0.0",
        "a" * 40, "summarize/v1.0.0+build", "evil\u202e/v1.0.0", "versions/v1.0.0", "summarize/v1.0",
    ]  # fmt: skip
    for tag in hostile:
        new_repository.git("update-ref", f"refs/tags/{tag}", head)
    api = serve(source=new_repository).api
    status = catalog(api)

    assert (status["prompts"], status["versions"]) == (2, 6)
    assert status["ignored"]["count"] == len(hostile)
    assert any("evil\\u202e" in shown for shown in status["ignored"]["sample"])


def test_a_moved_or_deleted_tag_changes_nothing(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """What was staged keeps its bytes, even without the mirror; the move is reported."""
    registry = serve(source=new_repository)
    api = registry.api
    path = "/v1/environments/production/releases/summarize"
    api.act("promote", "summarize", {"version": "1.1.0"})
    before = api.get(path).json
    new_repository.git("tag", "--force", "summarize/v1.1.0", "support/triage/v1.0.0^{commit}")
    new_repository.git("tag", "--delete", "summarize/v1.0.0")
    until(lambda: catalog(api)["moved"], "the move to be seen")

    assert api.get(path).json == before
    assert "summarize/v1.1.0" in str(catalog(api)["moved"])
    assert api.get("/v1/prompts/summarize/versions/1.0.0").json["status"] == "valid"

    registry.stop()
    shutil.rmtree(registry.data / "mirror.git")
    again = serve(source=new_repository)
    assert again.api.get(path).json == before
    assert (
        again.api.get("/v1/prompts/summarize/versions/1.1.0").json["digest"]
        == (before["versions"]["1.1.0"]["digest"])
    )


@pytest.mark.parametrize("gone", ["mirror.git", "upstream"])
def test_what_was_served_needs_neither_mirror_nor_upstream(
    serve: Callable[..., Registry], new_repository: PromptRepository, gone: str
) -> None:
    """The journal has the bytes."""
    registry = serve(source=new_repository)
    registry.api.act("promote", "summarize", {"version": "1.2.0"})
    before = registry.api.get("/v1/environments/production/releases/summarize").json
    registry.stop()
    if gone == "upstream":
        for part in ("objects", "refs"):
            shutil.rmtree(new_repository.path / ".git" / part)
            (new_repository.path / ".git" / part).mkdir()
    shutil.rmtree(registry.data / "mirror.git")
    again = serve(source=new_repository).api

    assert again.get("/v1/environments/production/releases/summarize").json == before
    assert again.get("/v1/environments/production/resolve/summarize?key=u").json["version"] == "1.2.0"


def test_a_new_tag_is_a_version_within_seconds(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """Nobody has to tell the registry."""
    api = serve(source=new_repository).api
    new_repository.tag("summarize", "3.0.0")

    until(lambda: api.get("/v1/prompts/summarize/versions/latest").json["version"] == "3.0.0", "the tag")
