"""Read prompts of LangSmith: commits with their manifests, what lists say of them, and tags. Pure.

The names are those of the Python SDK's objects, which are the API's answers with `owner` and `repo`: what
`pull_prompt_commit` gives has the manifest, what `list_prompt_commits` gives has the time and the parent,
what `list_prompts` gives describes a prompt, and an entry with a `tag_name` names a commit.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import dumps, history, langchain, names
from registry.importers.history import Version
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.importers.imported import Files, Read

OWN = "-"  # the owner of a prompt, where it is the caller's workspace

Commits = dict[str, dict[str, Any]]  # by hash


class Dump(NamedTuple):
    """What a dump says beside the commits, by prompt: its description, and the tags by hash."""

    repos: dict[str, dict[str, Any]]
    tags: dict[str, dict[str, list[str]]]


def read(files: Files) -> Read:
    """Yield the versions of all prompts in a dump, oldest first."""
    found: list[dumps.Entry] = []
    for entry in dumps.entries(files):
        if isinstance(entry, Refused):
            yield entry
        elif _handle(entry.value):
            found.append(entry)
        else:
            why = "an entry has no repo; export what the SDK gives of each commit and each prompt"
            yield Refused(entry.path, None, why)
    names_of = _names([entry.value for entry in found])
    dump = Dump({}, defaultdict(lambda: defaultdict(list)))
    prompts: dict[str, Commits] = defaultdict(dict)
    for path, value in found:
        source, commit = names_of(value), dumps.text(value, "commit_hash")
        if "repo_handle" in value:
            dump.repos[source] = value
        elif not commit:
            yield Refused(source, None, f"an entry of {path} has no commit_hash; export it again")
        elif tag := dumps.text(value, "tag_name"):
            dump.tags[source][commit].append(tag)
        else:
            known = {key: each for key, each in value.items() if each is not None}
            prompts[source][commit] = prompts[source].get(commit, {}) | known
    versions = []
    for source, commits in prompts.items():
        try:
            versions += _ordered(source, commits)
        except Invalid as error:
            yield Refused(source, None, error.message)
    yield from history.read(versions, partial(_imported, dump=dump))


def _handle(value: Mapping[str, Any]) -> str | None:
    return dumps.text(value, "repo", "repo_handle")


def _names(values: Iterable[Mapping[str, Any]]) -> Any:
    """Return what names the prompt of an entry: by its owner, too, where another one has the same name."""
    owners: dict[str, set[str]] = defaultdict(set)

    def owner(value: Mapping[str, Any]) -> str:
        return dumps.text(value, "owner") or OWN

    for value in values:
        owners[_handle(value) or ""].add(owner(value))

    def named(value: Mapping[str, Any]) -> str:
        handle = _handle(value) or ""
        return handle if len(owners[handle] - {OWN}) <= 1 else f"{owner(value)}/{handle}"

    return named


def _ordered(source: str, commits: Commits) -> list[Version]:
    """Return the commits of a prompt with their places, by their times, or by their parents.

    Raises:
        Invalid: the dump has neither of more than one.
    """
    depths = {commit: _depth(commit, commits) for commit in commits}
    times = {commit: dumps.moment(value.get("created_at")) for commit, value in commits.items()}
    is_timed = all(times.values())
    is_chain = len(set(depths.values())) == len(commits)
    if not is_timed and not is_chain:
        raise Invalid("which of its commits are older is not in the dump; export list_prompt_commits, too")
    return [
        Version(source, commit, (times[commit] if is_timed else 0, depths[commit]), value)
        for commit, value in commits.items()
    ]


def _depth(commit: str, commits: Commits) -> int:
    """Count the ancestors of a commit that are in the dump."""
    seen: set[str] = set()
    while commit in commits and commit not in seen:
        seen.add(commit)
        commit = dumps.text(commits[commit], "parent_commit_hash") or ""
    return len(seen)


def _imported(version: Version, dump: Dump) -> Imported:
    value, notes = version.content, list[str]()
    if "manifest" not in value:
        raise Invalid("its manifest is not in the dump; export what pull_prompt_commit gives of it, too")
    repo = dump.repos.get(version.source, {})
    found = langchain.read(value["manifest"], notes)
    name = names.of(version.source)
    title = {"name": version.source} if version.source != name else {}
    described = {"description": text} if (text := dumps.text(repo, "description")) else {}
    tags = list(dumps.texts(repo, "tags"))
    return Imported(
        name=name,
        number=str(version.number),
        document=title | described | found | ({"metadata": {"tags": tags}} if tags else {}),
        source=version.source,
        author=dumps.text(value, "full_name"),
        at=dumps.moment(value.get("created_at")),
        message=dumps.text(value, "description"),
        labels=tuple(dump.tags[version.source][str(version.number)]),
        left_out=tuple(notes),
    )
