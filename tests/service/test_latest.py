"""What `latest` stands for over HTTP, and that it says which invalid versions it passes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Api

WRONG = ["1.2.1", "1.2.0"]  # versions of `greeting` above 1.1.0, highest first


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A registry with a prompt whose newest versions are invalid; in staging a start awaits approval."""
    folder = tmp_path_factory.mktemp("latest")
    author = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        author.tag("greeting", version)
    for version in WRONG:
        author.tag("greeting", version, "messages: 3\n")
    author.tag("fine", "1.0.0")
    (folder / "rules.toml").write_text("[environments.staging]\napproval = true\n")
    registry = Registry(author.path, folder / "data", config=str(folder / "rules.toml"))
    yield registry.api
    assert registry.stop() == 0, registry.log


def told(passed_over: list[dict[str, dict[str, str]]]) -> list[tuple[object, bool]]:
    """The versions, and whether each says what is wrong with its file."""
    return [(one["version"], "messages" in one["problem"]["message"]) for one in passed_over]


def test_a_reader_is_told(api: Api) -> None:
    """Beside the version. Of one that is named, or a latest that is the highest, nothing is said."""
    latest, named, fine = (
        api.get(f"/v1/prompts/{path}").json
        for path in ("greeting/versions/latest", "greeting/versions/1.1.0", "fine/versions/latest")
    )

    assert (latest["version"], told(latest["passed_over"])) == ("1.1.0", [(one, True) for one in WRONG])
    assert ("passed_over" in named, "passed_over" in fine) == (False, False)


def test_a_change_says_what_it_passed_over(api: Api) -> None:
    """Also when it is asked for again with its key, and where it awaits approval."""
    api.act("promote", "greeting", {"version": "1.0.0"})
    started = api.act("start", "greeting", {"version": "latest"}, idempotency_key="a-key")
    again = api.act("start", "greeting", {"version": "latest"}, idempotency_key="a-key")
    asked = api.act("promote", "greeting", {"version": "latest"}, environment="staging")

    assert (started.status, started.json["state"]["rollout"]["candidate"]["version"]) == (200, "1.1.0")
    assert told(started.json["passed_over"]) == [(one, True) for one in WRONG]
    assert again.json == started.json | {"applied": again.json["applied"]}
    assert (asked.status, told(asked.json["passed_over"])) == (202, [(one, True) for one in WRONG])


def test_who_names_a_version_is_told_nothing(api: Api) -> None:
    """The answer is what it was before."""
    named = api.act("promote", "fine", {"version": "1.0.0"}).json

    latest = api.act("promote", "fine", {"version": "latest"}, environment="production")

    assert set(named) == {"epoch", "seq", "commit", "applied", "state"}
    assert (latest.status, "passed_over" in latest.json) == (409, False)
