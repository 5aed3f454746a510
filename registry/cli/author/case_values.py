"""The values of a case: of an entry of `testData` by its number, or of a line of cases by its id."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog.parsing import notes
from registry.cli.author import source, suites, tagged, worktree
from registry.errors import Invalid
from registry.suites.suite_source import SuiteSource

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.cli.author.source import Source

NAMED = 3  # cases that an error suggests
NUMBER_LENGTH = 10  # digits; a longer text is an id


def find(name: str, version: str | None, found: Source, wanted: str) -> Json:
    """Return the values of a case.

    Args:
        name: the prompt.
        version: None for the file as it is in the worktree.
        found: the prompt's file.
        wanted: the number of an entry, from 1, as `3` or `row-3`; or an id.

    Raises:
        Invalid: there is no such case.
    """
    number = wanted.removeprefix("row-")
    if number.isdecimal() and len(number) < NUMBER_LENGTH:
        return _row(found, int(number))
    read = _source(name, version)
    by_id = {str(line.data.get("id")): line.data.get("vars") for line in read.lines[0]}
    if wanted not in by_id:
        near = get_close_matches(wanted, by_id, NAMED) or list(by_id)[:NAMED]
        has = f"has {', '.join(near)}" if near else "is not there, or has none"
        raise Invalid(f"there is no case {wanted}: {read.cases} {has}; name one, or give values with -v")
    values, usual = by_id[wanted], read.default_test.get("vars")
    return {**(usual if isinstance(usual, dict) else {}), **(values if isinstance(values, dict) else {})}


def _row(found: Source, number: int) -> Json:
    rows = notes.read(found.content).cases
    if not 0 < number <= len(rows):
        has = f"has {len(rows)} in its testData" if rows else "has no testData"
        raise Invalid(f"there is no case {number}: {found.path} {has}; give values with -v or --vars")
    return rows[number - 1]


def _source(name: str, version: str | None) -> SuiteSource:
    if version is None:
        root, file = source.find_in_worktree(name)
        path, content = file.relative_to(root).as_posix(), file.read_bytes()
        return SuiteSource(path, content, suites.in_folder(root, path, content))
    top = worktree.top(Path())
    (found,) = tagged.find(top, [(name, source.find_version(top, name, version)[1])])
    if found is None:
        raise Invalid(f"{name} {version} has no file; choose another version")
    return SuiteSource(found.path, found.content, suites.in_commits(top, [found])[0])
