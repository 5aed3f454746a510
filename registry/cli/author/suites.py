"""Read what suites are made of beside their prompts: from the worktree, and from commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.catalog.parsing.partials import wrong_path
from registry.cli.author import partials, worktree
from registry.suites import cases
from registry.suites.case_lines import FILE_SIZE
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.catalog.parsing.partials import Files


class Committed(NamedTuple):
    """A prompt's file in a commit.

    Attributes:
        commit: the id of it, or of a tag.
        place: the prompts folder in it, with a slash at its end; empty for the root.
        path: that of the file, from there.
        content: its bytes.
    """

    commit: str
    place: str
    path: str
    content: bytes


def in_folder(root: Path, path: str, content: bytes) -> Files:
    """Read the files of a prompt's suite from a prompts folder of the worktree; none if it has none."""
    file = cases_path(path)
    beside: dict[str, bytes | str] = {}
    if (root / file).exists() or (root / file).is_symlink():
        beside[file] = partials.file_in_folder(root, file, FILE_SIZE)
    rubrics = _rubrics(path, content, beside)
    return beside | {each: partials.file_in_folder(root, each) for each in rubrics}


def in_commits(top: Path, prompts: Sequence[Committed]) -> list[Files]:
    """Read the files of suites from commits; one run of git for all of them, and a few for each rubric."""
    paths = [cases_path(prompt.path) for prompt in prompts]
    places = [f"{one.commit}:{one.place}{path}" for one, path in zip(prompts, paths, strict=True)]
    found: list[Files] = []
    for prompt, path, data in zip(prompts, paths, worktree.contents(top, places), strict=True):
        beside: Files = {} if data is None else {path: data}
        rubrics = _rubrics(prompt.path, prompt.content, beside)
        found.append({**beside, **partials.files_in_commit(top, prompt.commit, prompt.place, rubrics)})
    return found


def _rubrics(path: str, content: bytes, beside: Files) -> list[str]:
    """Return the paths of rubrics that can be read; what is wrong with others is said of the case."""
    named = cases.wanted(path, content, beside)
    return [each for each in named if each != cases_path(path) and not wrong_path(each)]
