"""Find the prompt files of a folder, as a commit's tree would be read, and their problems."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing import lint
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.fields import nearest
from registry.catalog.parsing.strict_yaml import SIZE_LIMIT
from registry.cli.author import partials, suites, tag_lint, worktree
from registry.errors import GitFailed, Invalid
from registry.suites import lint as suite_lint
from registry.suites.digest import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from registry.catalog.parsing.codes import Severity
    from registry.catalog.parsing.partials import Files
    from registry.catalog.parsing.repository_settings import RepositorySettings
    from registry.cli.author.layout import Layout
    from registry.errors import DocumentInvalid

FOLDERS_LIMIT = 20_000  # searched in some two seconds; a home folder, or the root of a disk, has more
_ENDING = re.compile(r"([._-]?prompts?)?\.ya?ml$", re.IGNORECASE)  # of what is meant to be a prompt's file
_MESSAGES = re.compile(rb"^messages:", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something to say about a file; `line` and `column` count from 1."""

    path: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str


def root_of(file: Path, place: Layout) -> Path:
    """The folder below which a prompt's file has its name. Raises Invalid if this is none."""
    if not file.name.endswith(naming.SUFFIXES):
        raise Invalid(f"{file} is no prompt file; the name of one ends in {' or '.join(naming.SUFFIXES)}")
    roots = [root for root in place.roots() if file.resolve().is_relative_to(root.resolve())]
    return roots[-1] if roots else file.parent


def _is_prompt(name: str) -> bool:
    return name.endswith(naming.SUFFIXES)


def find(root: Path, place: Layout, is_wanted: Callable[[str], bool] = _is_prompt) -> list[Path]:
    """Every prompt file below a folder, in the order of their paths; no hidden, ignored or excluded one.

    What is below another git repository, such as a submodule, is in no commit of this one, and left out.

    Raises:
        Invalid: the folder has more folders than a prompts repository can have.
        OSError: one of its folders cannot be read, so that prompts may be missing.
    """
    found: list[str] = []
    closed: list[OSError] = []
    for number, (folder, below, names) in enumerate(os.walk(root, onerror=closed.append)):
        if number >= FOLDERS_LIMIT:
            raise Invalid(
                f"{shown(root)} has more than {FOLDERS_LIMIT:,} folders, and is not searched; go to your "
                "prompts repository, or name the folder of prompts in its promptstage.toml"
            )
        if place.is_repository and is_nested(Path(folder), place):
            below.clear()
            continue
        below[:] = [name for name in below if not name.startswith(".")]
        inside = Path(folder).relative_to(root).as_posix()
        before = "" if inside == "." else f"{inside}/"
        found += [before + name for name in names if is_wanted(name)]
    _require_readable(root, closed, place)
    kept = set(found) - worktree.ignored(root, found)
    files = (root / path for path in sorted(kept, key=lambda path: path.split("/")))
    return [file for file in files if not place.is_excluded(file)]


def _require_readable(root: Path, closed: Iterable[OSError], place: Layout) -> None:
    """Raise an error of a folder, unless git is told to ignore that, or the settings exclude it."""
    by_path = {Path(error.filename).relative_to(root).as_posix(): error for error in closed}
    for path in by_path.keys() - worktree.ignored(root, by_path):
        if not place.is_excluded(root / path):
            raise by_path[path]


def is_nested(folder: Path, place: Layout) -> bool:
    """Tell whether a folder is the top of another repository than the one that was asked about."""
    return (folder / ".git").exists() and not folder.samefile(place.top)


def strays(root: Path, place: Layout) -> Iterator[Problem]:
    """Warn of files in a prompts folder that look like prompts, but are not named like them."""
    usual = (f"/{naming.FOLDER}", f"/{naming.GITHUB_FOLDER}")
    if root.resolve().as_posix().endswith(usual) or place.settings.folder:
        for file, wanted in lookalikes(root, place):
            yield _problem(file, "stray", f"this file is not taken for a prompt; name it {wanted}")
    for file in find(root, place, _is_cases):
        name = file.name.removesuffix(CASES)
        if not any(file.with_name(wanted).exists() for wanted in naming.file_names(name)):
            near = nearest(name, [naming.stem(one.name) for one in file.parent.glob("*.prompt.y*ml")])
            remedy = f"did you mean {near}{CASES}?" if near else "name it like its prompt, or remove it"
            yield _problem(file, "stray_cases", f"there is no prompt {name} here; {remedy}")


def lookalikes(root: Path, place: Layout) -> Iterator[tuple[Path, str]]:
    """The files that look like prompts, but are not named like them, and how to name them."""
    for file in find(root, place, _is_meant):
        if file.is_file() and _is_like_a_prompt(file):
            plain = _ENDING.sub("", file.name)
            yield file, naming.file_names(naming.suggest(plain) or plain)[0]


def problems(root: Path, files: Iterable[Path]) -> Iterator[Problem]:
    """Say everything that there is to say about these files below `root`."""
    seen: dict[str, Path] = {}
    top = root.resolve()
    for file, whole in _resolved(files):
        yield from _about_name(top, whole, file, seen)
        yield from _about_file(file, root, str(whole).removeprefix(_beginning(top)))


def _resolved(files: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Each file, and where it really is; a link to one is where the link is."""
    resolve = cache(Path.resolve)  # folders, of which there are few
    return ((file, resolve(file.parent) / file.name) for file in files)


def about(path: str, content: bytes, given: Files | None = None) -> Iterator[Problem]:
    """Say everything that there is to say about a prompt file; takes what `document.parse` takes."""
    for found in lint.check(content, path, given):
        yield Problem(path, found.line, found.column, found.severity, found.code, found.message)


def about_suite(
    path: str, content: bytes, beside: Files, given: Files | None, show: Callable[[str], str]
) -> Iterator[Problem]:
    """Say everything that there is to say about the cases of a prompt.

    Args:
        path: that of the prompt's file from the prompts folder.
        content: as `suite_lint.check` takes it, and so the next two.
        beside: the files of the suite.
        given: the partials.
        show: turns a path from the prompts folder into one for people.
    """
    for found in suite_lint.check(path, content, beside, given):
        (path, line, column), code, message = found
        yield Problem(show(path), line, column, found.severity, code, message)


def about_tags(place: Layout, files: Collection[Path]) -> Iterator[Problem]:
    """Warn of what is odd about the tags of these prompts; outside of git there are none."""
    if not place.is_repository:
        return
    inside = _beginning(place.top.resolve())
    paths = ((file, str(whole)) for file, whole in _resolved(files))
    within = ((file, path.removeprefix(inside)) for file, path in paths if path.startswith(inside))
    named = {name: file for file, path in within if (name := place.settings.prompt_at(path))}
    try:
        found = list(tag_lint.lint(place.top, named))
    except GitFailed:  # a damaged repository is told by git itself, to whoever uses it
        return
    for name, code, message in found:
        if code not in lint.ignores(named[name].read_bytes()):
            yield _problem(named[name], code, message)


def shown(file: Path) -> str:
    """The path from where the user is, if it is below."""
    if not file.is_absolute():
        return str(file)
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _is_cases(name: str) -> bool:
    return name.endswith(CASES)


def _is_meant(name: str) -> bool:
    return bool(_ENDING.search(name)) and not _is_prompt(name)


def _is_like_a_prompt(file: Path) -> bool:
    with file.open("rb") as stream:
        content = stream.read(SIZE_LIMIT)
    return bool(_MESSAGES.search(content)) and "stray" not in lint.ignores(content)


def _beginning(folder: Path) -> str:
    """Return the beginning of the paths of all files below a resolved folder."""
    return str(folder).removesuffix("/") + "/"


def _about_name(root: Path, whole: Path, file: Path, seen: dict[str, Path]) -> Iterator[Problem]:
    path = str(whole).removeprefix(_beginning(root))
    name = naming.stem(path)
    twin = seen.setdefault(name, file)
    if twin is not file:
        yield _problem(file, "two_files", f"{twin.name} is the same prompt; remove one of the two")
    try:
        naming.require_name(name)
    except Invalid as error:
        near = naming.suggest(name)
        taken = near and any(_is_another(root / path, whole) for path in naming.file_names(near))
        perhaps = f", perhaps to {naming.file_names(near)[0]}" if near and not taken else ""
        yield _problem(file, "bad_name", f"{error.message}; rename the file{perhaps}")


def _is_another(place: Path, file: Path) -> bool:
    """Tell whether another file is there; where capitals make no difference, it is the same one."""
    return place.exists() and not place.samefile(file)


def _about_file(file: Path, root: Path, path: str) -> Iterator[Problem]:
    if file.is_symlink() or not file.is_file():
        what = "a symbolic link, which the registry does not follow" if file.is_symlink() else "no file"
        yield _problem(file, "no_file", f"this is {what}; put the prompt's own file here")
        return
    try:
        content = file.read_bytes()
    except OSError as error:
        yield _problem(file, "unreadable", f"it cannot be read: {error.strerror}; allow it")
    else:
        given = partials.in_folder(root, content)
        yield from about(shown(file), content, given)
        beside = suites.in_folder(root, path, content)
        yield from about_suite(path, content, beside, given, lambda path: shown(root / path))


def about_settings(broken: DocumentInvalid) -> Problem:
    """Say what is wrong with the settings of a repository."""
    message = broken.message.partition(": ")[2]
    line, column = broken.line or 1, broken.column or 1
    return Problem(shown(Path(broken.path)), line, column, "error", "settings", message)


def judged(problems: Iterable[Problem], settings: RepositorySettings) -> Iterator[Problem]:
    """Leave out what is off by the settings of the repository, and raise what counts as an error there."""
    for problem in problems:
        if severity := settings.severity(problem.code):
            yield replace(problem, severity=severity)


def _problem(file: Path, code: str, message: str) -> Problem:
    return Problem(shown(file), 1, 1, CODES[code].severity, code, message)
