"""Partials through the service: staged with the version, and served whatever becomes of their files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from support import PromptRepository, Registry, until

from promptstage import Client
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

FILE = "template: mustache\nmessages:\n- {role: user, content: 'Summarize {{text}}. {{> shared/style.md}}'}\n"
SERVED = "Summarize a thread. Be kind."


def commit(author: PromptRepository, style: str) -> None:
    """Write the partial anew, and commit it."""
    file = author.path / "prompts/shared/style.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(style)
    author.git("add", "--all")
    author.git("commit", "-qm", "style")


def served(registry: Registry, folder: Path) -> str:
    """What an app gets."""
    with Client(registry.url, token=registry.api.token, prompts=["summarize"], snapshot_dir=folder) as client:
        assert client.ready(10)
        return client.get("summarize").text(text="a thread")


def test_from_a_tag_to_an_app_without_an_upstream(tmp_path: Path) -> None:
    """What was promoted is served after a moved tag, a renamed partial, and the end of the repository."""
    author = PromptRepository(tmp_path / "author")
    commit(author, "Be kind.")
    author.tag("summarize", "1.0.0", FILE)
    registry = Registry(author.path, tmp_path / "registry")
    promoted = registry.api.act("promote", "summarize", {"version": "1.0.0"})
    digest = registry.api.get("/v1/prompts/summarize/versions/1.0.0").json["digest"]
    assert promoted.status == 200
    assert promoted.json["state"]["stable"]["digest"] == digest
    assert served(registry, tmp_path / "a") == SERVED

    author.git("mv", "prompts/shared/style.md", "prompts/shared/tone.md")
    author.git("commit", "-qm", "rename")
    author.git("tag", "-f", "-a", "summarize/v1.0.0", "-m", "moved")
    commit(author, "Be rude.")
    author.tag("summarize", "1.1.0", FILE)
    until(lambda: registry.api.get("/v1/prompts/summarize/versions/1.1.0").status == 200, "the new version")
    compared = registry.api.get("/v1/prompts/summarize/diff?from=1.0.0&to=1.1.0").json
    assert compared["partials"] == ["shared/style.md"]
    assert registry.api.get("/v1/prompts/summarize/versions/1.0.0").json["digest"] == digest
    assert registry.stop() == 0, registry.log

    shutil.rmtree(tmp_path / "registry/mirror.git")
    again = Registry("http://127.0.0.1:1/gone.git", tmp_path / "registry")
    assert served(again, tmp_path / "b") == SERVED
    assert again.stop() == 0, again.log
    report = verify(tmp_path / "registry")
    assert report.problems == ()
