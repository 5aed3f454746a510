"""The page of a commit at the host of its repository."""

from __future__ import annotations

import pytest

from registry.wording.hosts import commit_page

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    ("repository", "page"),
    [
        ("https://github.com/acme/prompts.git", "https://github.com/acme/prompts/commit/"),
        ("https://github.com/acme/prompts/", "https://github.com/acme/prompts/commit/"),
        ("git@github.com:acme/prompts.git", "https://github.com/acme/prompts/commit/"),
        ("ssh://git@ssh.github.com:443/acme/prompts.git", "https://github.com/acme/prompts/commit/"),
        ("https://github.acme.example/team/prompts", "https://github.acme.example/team/prompts/commit/"),
        ("git@gitlab.com:acme/ai/prompts.git", "https://gitlab.com/acme/ai/prompts/-/commit/"),
        ("https://gitlab.acme.example:8443/ai/p.git", "https://gitlab.acme.example:8443/ai/p/-/commit/"),
        ("ssh://git@gitlab.acme.example:2222/ai/p.git", "https://gitlab.acme.example/ai/p/-/commit/"),
        ("https://gitea.acme.example/ai/prompts.git", "https://gitea.acme.example/ai/prompts/commit/"),
        ("http://forgejo.internal:3000/ai/prompts", "http://forgejo.internal:3000/ai/prompts/commit/"),
        ("https://codeberg.org/acme/prompts", "https://codeberg.org/acme/prompts/commit/"),
        ("git@bitbucket.org:acme/prompts.git", "https://bitbucket.org/acme/prompts/commits/"),
        ("https://GitHub.com/acme/prompts", "https://github.com/acme/prompts/commit/"),
        ('https://github.com/a"><b>/p', "https://github.com/a%22%3E%3Cb%3E/p/commit/"),
    ],
)
def test_a_known_host(repository: str, page: str) -> None:
    """By its name, whichever way git comes to it."""
    assert commit_page(repository, COMMIT) == page + COMMIT


@pytest.mark.parametrize(
    "repository",
    [
        None,
        "",
        "/srv/git/github.com/prompts",
        "./prompts",
        "https://git.acme.example/ai/prompts",
        "https://notgithub.com/acme/prompts",
        "https://github.com/",
        "file:///srv/github/prompts",
        "javascript:github.com/x",
        "https://bitbucket.acme.example/scm/ai/prompts.git",
    ],
)
def test_another_host_is_not_guessed(repository: str | None) -> None:
    """A link that leads nowhere is worse than none."""
    assert commit_page(repository, COMMIT) is None
