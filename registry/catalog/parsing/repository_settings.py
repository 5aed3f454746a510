"""Read ``promptstage.toml``, the settings at the root of a prompt repository. Pure.

    [prompts]
    folder = "assistant/prompts"          # instead of prompts/, .github/prompts/ or the root
    exclude = ["**/__fixtures__/**"]      # paths from that folder, which are no prompts

    [check]
    off = ["unknown_key"]                 # codes of `check` and `tag` that are not reported
    error = ["unused_variable"]           # warnings that count as errors

The registry reads ``[prompts]`` in the commit of each tag, and nothing else: a setting for authors, also one
of a later edition, never takes a version away.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from registry.catalog import naming
from registry.catalog.parsing.codes import CODES, can_be_ignored
from registry.catalog.parsing.fields import SHOWN, nearest
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.catalog.parsing.codes import Severity

FILE = "promptstage.toml"
SIZE_LIMIT = 16 << 10  # bytes; an honest file has some hundred
DOTS_LIMIT = (
    1000  # in a line: the parser's time grows with the square of the parts of a key; this takes 40 ms
)
PATTERNS_LIMIT = 100  # in `exclude`: each is tried with each path
TEXT_LIMIT = 200  # characters of a folder, and of a pattern

_TABLES = {"prompts": ("folder", "exclude"), "check": ("off", "error")}
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")  # of the parser's errors


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """The settings of one commit, or of a worktree.

    Attributes:
        folder: the prompts folder, without a slash at its end; empty for the root, None for the usual ones.
        exclude: patterns of paths from the prompts folder that are no prompts.
        off: codes that are not reported.
        error: codes of warnings that count as errors.
    """

    folder: str | None = None
    exclude: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()
    error: frozenset[str] = frozenset()

    def is_excluded(self, path: str) -> bool:
        """Return whether a path from the prompts folder, or a folder above it, matches a pattern."""
        return any(_matches(path.split("/"), _parts(pattern)) for pattern in self.exclude)

    def severity(self, code: str) -> Severity | None:
        """Return how serious a finding with this code is here; None if it is off."""
        if code in self.off:
            return None
        return "error" if code in self.error else CODES[code].severity

    def places(self, *, usual: bool) -> tuple[str, ...]:
        """Return what the paths of prompts begin with; the first that holds a prompt's file counts.

        Args:
            usual: whether there is a folder ``prompts``, which counts alone unless the settings name another.
        """
        if self.folder is not None:
            return (f"{self.folder}/" if self.folder else "",)
        return (f"{naming.FOLDER}/",) if usual else ("", f"{naming.GITHUB_FOLDER}/")

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the paths in a repository at which a prompt's file may be."""
        files = [file for file in naming.file_names(name) if not self.is_excluded(file)]
        return tuple(place + file for place in self.all_places() for file in files)

    def prompt_at(self, path: str) -> str | None:
        """Return the prompt whose file is at this path in a repository; None if it is no prompt's."""
        place = next(filter(path.startswith, sorted(self.all_places(), key=len, reverse=True)), None)
        below = path.removeprefix(place or "")
        return None if place is None or self.is_excluded(below) else naming.name_of(below)

    def prompts_in(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the prompts whose files are among all paths of a repository, by path."""
        usual = any(path.startswith(f"{naming.FOLDER}/") for path in paths)
        places = self.places(usual=usual)
        below = (path for path in paths if path.startswith(places))
        return {path: name for path in below if (name := self.prompt_at(path))}

    def all_places(self) -> Iterable[str]:
        """Return all that the paths of prompts can begin with."""
        return dict.fromkeys((*self.places(usual=True), *self.places(usual=False)))


def parse(content: bytes, *, whole: bool = True) -> RepositorySettings:
    """Parse the settings of a repository.

    Args:
        content: the file's bytes.
        whole: whether everything must be right; else only what the registry reads.

    Raises:
        DocumentInvalid: what is wrong, with the line where it can be told.
    """
    if len(content) > SIZE_LIMIT:
        raise _wrong(f"it has {len(content)} bytes; keep it below {SIZE_LIMIT >> 10} KiB", 1)
    return _parse(content, whole)


@lru_cache(maxsize=64)  # of the registry, which meets the same file at all tags
def _parse(content: bytes, whole: bool) -> RepositorySettings:
    text = _decode(content)
    data = _load(text)
    if whole:
        _require_known(text, "", data, _TABLES)
    prompts = _table(text, data, "prompts")
    folder = _folder(text, prompts)
    exclude = tuple(_pattern(text, pattern) for pattern in _texts(text, prompts, "prompts", "exclude"))
    if len(exclude) > PATTERNS_LIMIT:
        raise _wrong(
            f"exclude has more than {PATTERNS_LIMIT} patterns; join some",
            _line(text, "exclude", table="prompts"),
        )
    if not whole:
        return RepositorySettings(folder, exclude)
    check = _table(text, data, "check")
    off, error = (frozenset(_codes(text, check, key)) for key in _TABLES["check"])
    if both := sorted(off & error):
        raise _wrong(
            f"{both[0]} is in off and in error; remove it from one", _line(text, "error", table="check")
        )
    return RepositorySettings(folder, exclude, off, error)


def _decode(content: bytes) -> str:
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _wrong("it is not UTF-8; save it as UTF-8", line) from error


def _load(text: str) -> dict[str, Any]:
    for number, written in enumerate(text.splitlines(), 1):
        if written.count(".") > DOTS_LIMIT:
            raise _wrong("this line is no setting; remove it", number)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise _wrong("it is nested too deep; remove the brackets", None) from error
    except ValueError as error:  # of TOML, or an integer of thousands of digits
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (None, None)
        if place is None and str(error).endswith(" (at end of document)"):
            line = text.count("\n") + 1
        words = str(error).partition(" (at ")[0]
        raise _wrong(f"it is no TOML: {words}; correct it", line, column) from error


def _table(text: str, data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        key = _TABLES[name][0]
        raise _wrong(f"{name} must be a table; write [{name}], and {key} = ... below it", _line(text, name))
    _require_known(text, name, table, _TABLES[name])
    return table


def _require_known(text: str, table: str, found: Iterable[str], known: Iterable[str]) -> None:
    where = f" in [{table}]" if table else ""
    for key in found:
        if key not in known:
            near = nearest(key.lower(), list(known))
            remedy = f"did you mean {near}?" if near else f"there are {' and '.join(known)}"
            raise _wrong(f"there is no {_shown(key)}{where}; {remedy}", _line(text, key, table=table))


def _folder(text: str, table: Mapping[str, Any]) -> str | None:
    if "folder" not in table:
        return None
    folder, line = table["folder"], _line(text, "folder", table="prompts")
    if not isinstance(folder, str):
        raise _wrong('folder must be text; write folder = "prompts"', line)
    plain = folder.removesuffix("/").removeprefix("./")
    plain = "" if plain == "." else plain
    wrong = f"folder {_shown(folder)} {{}}; write its path from the top of the repository"
    if folder.startswith("/") or re.match(r"[A-Za-z]:", folder):
        raise _wrong(wrong.format("is absolute"), line)
    if folder == "":
        raise _wrong('folder is empty; write folder = "." for the top of the repository', line)
    parts = plain.split("/") if plain else []
    if ".." in parts:
        raise _wrong(wrong.format("leaves the repository by .."), line)
    if "\\" in folder or not folder.isprintable() or {"", ".", ".git"} & set(parts):
        raise _wrong(wrong.format("is no path of a folder, such as assistant/prompts"), line)
    if len(folder) > TEXT_LIMIT:
        raise _wrong(f"folder has more than {TEXT_LIMIT} characters; choose a shorter path", line)
    return plain


def _pattern(text: str, pattern: str) -> str:
    line = _line(text, "exclude", table="prompts", value=pattern)
    if pattern.startswith("/") or {"..", "."} & set(pattern.split("/")):
        shown = _shown(pattern)
        raise _wrong(f"exclude has {shown}; write paths from the prompts folder, without / before", line)
    if not pattern or not pattern.isprintable() or len(pattern) > TEXT_LIMIT:
        message = f"a pattern in exclude must have 1 to {TEXT_LIMIT} characters, such as drafts/**"
        raise _wrong(message, line)
    return pattern


def _codes(text: str, table: Mapping[str, Any], key: str) -> Iterable[str]:
    for code in _texts(text, table, "check", key):
        line = _line(text, key, table="check", value=code)
        if code not in CODES:
            near = get_close_matches(code[:SHOWN].lower().replace("-", "_"), CODES, 1)
            remedy = f"did you mean {near[0]}?" if near else "promptstage check --codes lists them"
            raise _wrong(f"there is no code {_shown(code)}, as in {key}; {remedy}", line)
        if key == "off" and not can_be_ignored(code):
            message = f"{code} cannot be off, as the registry serves no such file; remove it from off"
            raise _wrong(message, line)
        yield code


def _texts(text: str, table: Mapping[str, Any], name: str, key: str) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        line = _line(text, key, table=name)
        raise _wrong(f'{key} in [{name}] must be a list of texts; write {key} = ["..."]', line)
    return found


def _line(text: str, key: str, *, table: str = "", value: str = "") -> int | None:
    """Find the line of a key, or of a value in its list; the parser keeps no places."""
    header = re.compile(rf"^[ \t]*\[[ \t]*{table}[ \t]*\]", re.MULTILINE).search(text) if table else None
    begin = rf"""^(?:[^#\n"']*[\[{{,.\s])?["']?{re.escape(key)}["']?[ \t]*[=.\]]"""
    place = re.compile(begin, re.MULTILINE).search(text, header.end() if header else 0)
    if place and value:
        place = re.compile(rf"""(["']){re.escape(value)}\1""").search(text, place.end()) or place
    return text.count("\n", 0, place.end()) + 1 if place else None


def _shown(word: str) -> str:
    return repr(word[:TEXT_LIMIT])


def _wrong(message: str, line: int | None, column: int | None = None) -> DocumentInvalid:
    shown = message if line else f"{FILE}: {message}"
    return DocumentInvalid(shown, line=line, column=column or (line and 1), path=FILE)


@lru_cache(maxsize=1 << 10)
def _parts(pattern: str) -> list[str]:
    """Split a pattern at its slashes; of several ``**`` in a row one is enough."""
    parts = pattern.rstrip("/").split("/")
    return [part for before, part in pairwise(["", *parts]) if not before == part == "**"]


def _matches(names: list[str], pattern: list[str]) -> bool:
    """Return whether a pattern matches the beginning of a path; ``**`` stands for any number of folders."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(names[start:], pattern[1:]) for start in range(len(names)))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])
