"""Histories on their way into git: 200 versions, all or none, and nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from support import GIT, PromptRepository, prompt

from registry.cli.imports import repository, write
from registry.errors import Conflict, GitFailed
from registry.importers import plan
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from registry.importers.plan import Plan

BEGIN = datetime(2024, 3, 1, 9, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def version(number: int, text: str = "", name: str = "support/triage", **about: object) -> Imported:
    """A version of the source, an hour after the one before it."""
    given: dict[str, object] = {
        "document": {"messages": [{"role": "user", "content": text or f"Text {number}: {{{{message}}}}"}]},
        "author": "Grace Hopper",
        "email": "grace@example.org",
        "at": BEGIN + timedelta(hours=number),
        "message": f"Change {number}",
    }
    return Imported(name, number, **given | about)  # type: ignore[arg-type]


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PromptRepository:
    """A repository with one commit, of an author whom git knows."""
    for key, value in GIT.items():
        monkeypatch.setenv(key, value)
    repository = PromptRepository(tmp_path / "prompts")
    repository.tag("summarize", "1.0.0")
    return repository


def bring(author: PromptRepository, found: Iterable[Imported | Refused], prefix: str = "") -> Plan:
    """Import what a reader yields, as the command does."""
    made = plan.make(found, repository.read(author.path, "test"), prefix)
    write.require_clean(author.path, made.steps)
    if made.steps:
        write.write(author.path, "test", made.steps)
    return made


def test_a_history_of_200_versions(author: PromptRepository) -> None:
    """Each is a commit of its author and date, in order, with its text, and a tag."""
    made = bring(author, map(version, range(1, 201)))

    lines = author.git("log", "-200", "--reverse", "--format=%an|%ae|%aI|%cn|%s").split("\n")
    assert lines == [
        f"Grace Hopper|grace@example.org|{(BEGIN + timedelta(hours=n)).isoformat()}|Ada|Change {n}"
        for n in range(1, 201)
    ]
    assert [step.version for step in made.steps] == [f"1.0.{n}" for n in range(200)]
    for n in (1, 77, 200):
        file = author.git("show", f"support/triage/v1.0.{n - 1}:prompts/support/triage.prompt.yml")
        assert f"Text {n}: {{{{message}}}}" in file
    assert len(author.git("tag", "--list", "support/triage/*").split()) == 200
    assert author.git("status", "--porcelain") == ""
    assert "Text 200" in (author.path / "prompts/support/triage.prompt.yml").read_text()
    author.git("fsck", "--strict")


def test_the_same_import_twice_adds_nothing(author: PromptRepository) -> None:
    """What came is known by its commits; what is new since then comes on top."""
    bring(author, map(version, range(1, 4)))
    head = author.git("rev-parse", "HEAD")

    again = bring(author, map(version, range(1, 4)))
    assert (again.steps, again.known, author.git("rev-parse", "HEAD")) == ((), 3, head)

    more = bring(author, map(version, range(1, 6)))
    assert [(step.item.number, step.version) for step in more.steps] == [(4, "1.0.3"), (5, "1.0.4")]


def test_versions_follow_from_what_differs(author: PromptRepository) -> None:
    """By the rules of `promptstage tag`; a version without a change is one, too, so that none is lost."""
    texts = ["Hi {{a}}", "Hello {{a}}", "Hello {{a}} and {{b}}", "Hello {{a}} and {{b}}"]
    made = bring(author, [version(n, text) for n, text in enumerate(texts)])

    assert [(step.version, [reason.part for reason in step.reasons]) for step in made.steps] == [
        ("1.0.0", []),
        ("1.0.1", ["patch"]),
        ("2.0.0", ["major", "patch"]),
        ("2.0.1", ["patch"]),
    ]


def test_prompts_are_interleaved_by_date(author: PromptRepository) -> None:
    """One history, as if they had always been in git."""
    found = [version(n, name=name) for name in ("a", "b") for n in (1, 2)]
    made = bring(author, found)

    assert [(step.item.name, step.item.number) for step in made.steps] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
    ]


def test_a_prompt_that_is_here_is_refused(author: PromptRepository) -> None:
    """Whether it was here before, was changed after an import, or removed; a prefix helps."""
    here = bring(author, [version(1, name="summarize")])
    assert "prompts/summarize.prompt.yml is here already, and is not from test" in here.refused[0].why

    bring(author, [version(1)])
    file = author.path / "prompts/support/triage.prompt.yml"
    file.write_text(prompt("{{message}}, by hand"))
    author.git("commit", "--quiet", "--all", "-m", "By hand")
    changed = bring(author, [version(1), version(2)])
    assert (changed.steps, changed.known) == ((), 1)
    assert "was changed here after it was imported" in changed.refused[0].why

    author.git("rm", "--quiet", str(file))
    author.git("commit", "--quiet", "-m", "Remove it")
    assert "was removed here" in bring(author, [version(2)]).refused[0].why

    assert [step.tag for step in bring(author, [version(2)], "old").steps] == ["old/support/triage/v1.0.0"]


def test_a_tag_is_never_used_again(author: PromptRepository) -> None:
    """Neither a version that is tagged, nor a name in whose place there is a tag."""
    bring(author, [version(1)])
    author.git("tag", "support/triage/v1.0.5")
    assert bring(author, [version(1), version(2)]).steps[0].version == "1.0.6"

    author.git("tag", "chat/v1.0.0")
    assert "has tags of versions here" in bring(author, [version(1, name="chat")]).refused[0].why
    author.git("tag", "mail")
    assert "the tag mail is in the way" in bring(author, [version(1, name="mail/reply")]).refused[0].why


def test_two_names_that_become_one_are_refused(author: PromptRepository) -> None:
    """Names here have no capitals; neither of the two is guessed to be the right one."""
    made = bring(author, [version(1, name="triage", source=source) for source in ("Triage", "triage")])

    assert made.steps == ()
    assert {each.name for each in made.refused} == {"Triage", "triage"}
    assert "would both be triage here" in made.refused[0].why


def test_what_cannot_be_served_or_is_secret_is_refused(author: PromptRepository) -> None:
    """Git would keep it for ever; the other versions come."""
    secret = "Use sk-proj-" + "a1B2c3D4e5" * 5 + " for {{x}}"
    found = [
        version(1, document={"messages": []}),
        version(2, secret),
        version(3),
        version(3),
        version(4, "\ud800"),
    ]
    made = bring(author, found)

    assert [step.item.number for step in made.steps] == [3]
    assert [each.number for each in made.refused] == [1, 2, 3, 4]
    assert "could not be served" in made.refused[0].why
    assert "secret" in made.refused[1].why or "looks like" in made.refused[1].why
    assert "twice" in made.refused[2].why


@pytest.mark.parametrize("name", ["../x", "A", "a" * 300, "versions", "a/v1", "", "a//b"])
def test_a_name_that_is_none_here_is_refused(author: PromptRepository, name: str) -> None:
    """A reader that yields one loses it, and nothing is written outside of the prompts folder."""
    made = bring(author, [version(1, name=name)])

    assert (made.steps, len(made.refused)) == ((), 1)


def test_odd_people_and_dates(author: PromptRepository) -> None:
    """Nothing that a source says ends git's own format; what git cannot keep is named."""
    odd = version(
        1, author="Eve <x>\ncommitter: Bob", email="e\n>@x", message="One\0\n\nImported-From: test 9 x"
    )
    early = version(2, at=datetime(1, 1, 1, tzinfo=UTC), author=None, email=None, message=None)
    made = bring(author, [odd, early])

    assert author.git("log", "-2", "--format=%an|%ae").split("\n") == [
        "Ada|ada@example.org",
        "Eve x committer: Bob|e @x",
    ]
    assert "which git cannot keep" in made.steps[1].item.left_out[0]
    assert bring(author, [version(9, name="x")]).known == 0  # a trailer in the middle of a message is none
    author.git("fsck", "--strict")


def test_a_changed_file_is_not_written_over(author: PromptRepository) -> None:
    """Neither one that git knows, nor one that it does not."""
    file = author.path / "prompts/support/triage.prompt.yml"
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    with pytest.raises(Conflict, match="git add and git commit them first"):
        bring(author, [version(1)])
    assert file.read_text() == "mine"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_refusal_of_git_leaves_everything_as_it_was(author: PromptRepository, moment: str) -> None:
    """All versions are written, or none: branch, tags, worktree and index."""
    made = plan.make(map(version, range(1, 4)), repository.read(author.path, "test"))
    before = (author.git("show-ref"), author.git("status", "--porcelain", "--ignored"))
    if moment == "before":
        (author.path / ".git/index.lock").touch()
    else:
        hook = author.path / ".git/hooks/reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text('#!/bin/sh\ntest "$1" != prepared || ! grep -q refs/tags/\n')
        hook.chmod(0o755)

    with pytest.raises(GitFailed):
        write.write(author.path, "test", made.steps)

    (author.path / ".git/index.lock").unlink(missing_ok=True)
    assert (author.git("show-ref"), author.git("status", "--porcelain", "--ignored")) == before


def test_cases_come_and_go_with_their_version(author: PromptRepository) -> None:
    """A case that cannot be judged is left out by its name."""
    good = {"id": "late", "vars": {"message": "Late"}, "assert": [{"type": "contains", "value": "late"}]}
    bad = {"id": "odd", "vars": {"message": "x"}, "assert": [{"type": "javascript", "value": "1"}]}
    made = bring(author, [version(1, cases=(bad, good)), version(2)])

    assert made.steps[0].item.left_out[0].startswith("case odd: javascript would run code")
    assert '"late"' in author.git("show", "support/triage/v1.0.0:prompts/support/triage.cases.jsonl")
    assert not (author.path / "prompts/support/triage.cases.jsonl").exists()
