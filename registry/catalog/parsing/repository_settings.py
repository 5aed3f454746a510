"""Read ``promptstage.toml``, the settings at the root of a prompt repository. Pure.

    [prompts]
    folder = "assistant/prompts"          # instead of prompts/, .github/prompts/ or the root
    exclude = ["**/__fixtures__/**"]      # paths from that folder, which are no prompts

    [check]
    off = ["unknown_key"]                 # codes of `check` and `tag` that are not reported
    error = ["unused_variable"]           # warnings that count as errors

    [suite]
    min_pass_rate = 0.95                  # of the cases; `eval` fails below

    [eval]
    judge = "openai/gpt-5.4"              # the model that judges, unless --judge names one

    [eval.models."anthropic/*"]           # where models are asked that OPENAI_BASE_URL does not have
    base_url = "https://openrouter.ai/api/v1"
    publisher = true                      # send anthropic/claude-sonnet-5, not claude-sonnet-5

The registry reads ``[prompts]`` in the commit of each tag, and nothing else: a setting for authors, also one
of a later edition, never takes a version away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from registry.catalog import naming
from registry.catalog.parsing import eval_settings, toml_source
from registry.catalog.parsing.codes import CODES, can_be_ignored
from registry.catalog.parsing.eval_settings import EvalSettings
from registry.catalog.parsing.fields import SHOWN
from registry.catalog.parsing.toml_source import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.catalog.parsing.codes import Severity

SIZE_LIMIT = 16 << 10  # bytes; an honest file has some hundred
PATTERNS_LIMIT = 100  # in `exclude`: each is tried with each path

_TABLES = {"prompts": ("folder", "exclude"), "check": ("off", "error"), **eval_settings.TABLES}


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """The settings of one commit, or of a worktree.

    Attributes:
        folder: the prompts folder, without a slash at its end; empty for the root, None for the usual ones.
        exclude: patterns of paths from the prompts folder that are no prompts.
        off: codes that are not reported.
        error: codes of warnings that count as errors.
        eval: how suites are run here.
    """

    folder: str | None = None
    exclude: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()
    error: frozenset[str] = frozenset()
    eval: EvalSettings = field(default_factory=EvalSettings)

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
        raise toml_source.wrong(f"it has {len(content)} bytes; keep it below {SIZE_LIMIT >> 10} KiB", 1)
    return _parse(content, whole)


@lru_cache(maxsize=64)  # of the registry, which meets the same file at all tags
def _parse(content: bytes, whole: bool) -> RepositorySettings:
    text = toml_source.decode(content)
    data = toml_source.load(text)
    if whole:
        toml_source.require_known(text, "", data, _TABLES)
    prompts = toml_source.table(text, data, "prompts", _TABLES["prompts"])
    folder = _folder(text, prompts)
    exclude = tuple(
        _pattern(text, pattern) for pattern in toml_source.texts(text, prompts, "prompts", "exclude")
    )
    if len(exclude) > PATTERNS_LIMIT:
        raise toml_source.wrong(
            f"exclude has more than {PATTERNS_LIMIT} patterns; join some",
            toml_source.line_of(text, "exclude", table="prompts"),
        )
    if not whole:
        return RepositorySettings(folder, exclude)
    check = toml_source.table(text, data, "check", _TABLES["check"])
    off, error = (frozenset(_codes(text, check, key)) for key in _TABLES["check"])
    if both := sorted(off & error):
        raise toml_source.wrong(
            f"{both[0]} is in off and in error; remove it from one",
            toml_source.line_of(text, "error", table="check"),
        )
    return RepositorySettings(folder, exclude, off, error, eval_settings.read(text, data))


def _folder(text: str, table: Mapping[str, Any]) -> str | None:
    if "folder" not in table:
        return None
    folder, line = table["folder"], toml_source.line_of(text, "folder", table="prompts")
    if not isinstance(folder, str):
        raise toml_source.wrong('folder must be text; write folder = "prompts"', line)
    plain = folder.removesuffix("/").removeprefix("./")
    plain = "" if plain == "." else plain
    wrong = f"folder {toml_source.shown(folder)} {{}}; write its path from the top of the repository"
    if folder.startswith("/") or re.match(r"[A-Za-z]:", folder):
        raise toml_source.wrong(wrong.format("is absolute"), line)
    if folder == "":
        raise toml_source.wrong('folder is empty; write folder = "." for the top of the repository', line)
    parts = plain.split("/") if plain else []
    if ".." in parts:
        raise toml_source.wrong(wrong.format("leaves the repository by .."), line)
    if "\\" in folder or not folder.isprintable() or {"", ".", ".git"} & set(parts):
        raise toml_source.wrong(wrong.format("is no path of a folder, such as assistant/prompts"), line)
    if len(folder) > TEXT_LIMIT:
        raise toml_source.wrong(f"folder has more than {TEXT_LIMIT} characters; choose a shorter path", line)
    return plain


def _pattern(text: str, pattern: str) -> str:
    line = toml_source.line_of(text, "exclude", table="prompts", value=pattern)
    if pattern.startswith("/") or {"..", "."} & set(pattern.split("/")):
        shown = toml_source.shown(pattern)
        raise toml_source.wrong(
            f"exclude has {shown}; write paths from the prompts folder, without / before", line
        )
    if not pattern or not pattern.isprintable() or len(pattern) > TEXT_LIMIT:
        message = f"a pattern in exclude must have 1 to {TEXT_LIMIT} characters, such as drafts/**"
        raise toml_source.wrong(message, line)
    return pattern


def _codes(text: str, table: Mapping[str, Any], key: str) -> Iterable[str]:
    for code in toml_source.texts(text, table, "check", key):
        line = toml_source.line_of(text, key, table="check", value=code)
        if code not in CODES:
            near = get_close_matches(code[:SHOWN].lower().replace("-", "_"), CODES, 1)
            remedy = f"did you mean {near[0]}?" if near else "promptstage check --codes lists them"
            raise toml_source.wrong(
                f"there is no code {toml_source.shown(code)}, as in {key}; {remedy}", line
            )
        if key == "off" and not can_be_ignored(code):
            message = f"{code} cannot be off, as the registry serves no such file; remove it from off"
            raise toml_source.wrong(message, line)
        yield code


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
