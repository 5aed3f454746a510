"""Find out what is evaluated: which prompts, with which cases, and what they are compared with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.naming import LATEST
from registry.cli import http, output
from registry.cli.author import layout, source, worktree
from registry.cli.suites import suite_files
from registry.errors import DocumentInvalid, Invalid, RegistryError
from registry.suites.cases import read_suite
from registry.suites.checks import rubrics, values
from registry.suites.run.request import Version
from registry.wording import paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptstage.model import Document
    from registry.catalog.parsing.eval_settings import EvalSettings
    from registry.cli.suites.suite_files import PromptFile
    from registry.suites.cases import Case, Suite
    from registry.suites.checks.check import Check

STABLE = "stable"
WORKTREE = "worktree"
PROBLEMS = 5  # of a suite that an error names


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for on the command line; `registry.cli.suites.evaluate` says what it means."""

    names: tuple[str, ...]
    changed: str | None
    against: str | None
    model: str | None
    judge: str | None
    tags: frozenset[str]
    environment: str
    from_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A prompt to be evaluated.

    Attributes:
        file: the candidate's.
        suite: the candidate's, by which both versions are judged.
        cases: those of the suite that are wanted.
        baseline: None: there is nothing to compare with.
        judge: the model that judges; None: no check needs one.
    """

    file: PromptFile
    suite: Suite
    cases: tuple[Case, ...]
    candidate: Version
    baseline: Version | None
    judge: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is evaluated, the settings of the repository, and its top folder."""

    items: tuple[Item, ...]
    settings: EvalSettings
    top: Path


def make(request: Request) -> Plan:
    """Read everything that is needed before a model is asked. Raises RegistryError."""
    place = layout.around(Path.cwd())
    planner = _Planner(request, place.settings.eval, place.top if place.is_repository else None)
    found = planner.named() if request.names else planner.all()
    items = tuple(item for file, version in found if (item := planner.item(file, version)))
    if not items and not request.changed:
        raise Invalid(
            "no prompt here has a suite; write cases to prompts/NAME.cases.jsonl, one a line: "
            '{"id": "...", "vars": {...}, "assert": [{"type": "contains", "value": "..."}]}'
        )
    return Plan(items, place.settings.eval, place.top)


class _Planner:
    """Plans by one request."""

    def __init__(self, request: Request, settings: EvalSettings, top: Path | None) -> None:
        self._request = request
        self._settings = settings
        self._top = top

    def named(self) -> Iterable[tuple[PromptFile, str | None]]:
        """The prompts that are named, each with its version if it has one."""
        for given in dict.fromkeys(self._request.names):
            name, at, version = given.partition("@")
            if not at:
                yield suite_files.in_worktree(name), None
                continue
            chosen, oid = source.find_version(self._repository(), name, version or LATEST)
            yield self._at(oid, name, f"the tag {naming.tag_of(name, chosen)}"), chosen

    def all(self) -> Iterable[tuple[PromptFile, str | None]]:
        """All prompts of the worktree, or those that have changed since a commit."""
        files = suite_files.all_in_worktree()
        if self._request.changed is None:
            return ((file, None) for file in files)
        top = self._repository()
        changed = set(worktree.changed_since(top, self._request.changed))
        return ((file, None) for file in files if changed & _paths_in(top, file))

    def item(self, file: PromptFile, version: str | None) -> Item | None:
        """Plan a prompt; None: it was not named, and has nothing to be judged by. Raises Invalid."""
        suite = _suite(file)
        cases = self._chosen(suite.cases)
        candidate = self._version(file, version or WORKTREE, version)
        checks = [check for case in cases for check in case.checks]
        if self._request.from_calls:
            checks = list(general_checks(suite, candidate.document))
        if not checks:
            if self._request.names:
                raise Invalid(_nothing(file, suite, self._request.tags))
            return None
        return Item(
            file=file,
            suite=suite,
            cases=cases,
            candidate=candidate,
            baseline=self._baseline(file.name),
            judge=self._judge(file.name, checks),
        )

    def _chosen(self, cases: Sequence[Case]) -> tuple[Case, ...]:
        tags = self._request.tags
        return tuple(case for case in cases if not tags or tags & set(case.tags))

    def _version(self, file: PromptFile, label: str, version: str | None) -> Version:
        document = file.parse().document
        model = self._request.model or document.model
        if not model:
            raise Invalid(f"{file.folder}{file.path} names no model; add `model:` to it, or give --model")
        return Version(
            name=file.name, label=label, version=version, digest=file.digest, document=document, model=model
        )

    def _baseline(self, name: str) -> Version | None:
        against = self._request.against
        if against is None:
            return None
        version = _stable(name, self._request.environment) if against == STABLE else against
        if version is None:
            output.note(f"{name} has no stable version in {self._request.environment} to be compared with")
            return None
        top = self._repository()
        if naming.is_version(version) or version == LATEST:
            chosen, oid = source.find_version(top, name, version)
            file = self._at(oid, name, f"the tag {naming.tag_of(name, chosen)}")
            return self._version(file, chosen, chosen)
        oid = worktree.require_commit(top, version)
        held = suite_files.at_commit(top, oid, name)
        if held is None:
            output.note(f"{name} is not in {clean(version)}, so it is compared with nothing")
            return None
        return self._version(held, version, None)

    def _judge(self, name: str, every: Sequence[Check]) -> str | None:
        """Return the model that judges. Raises Invalid: one is needed, and none is named."""
        checks = [check for check in every if check.type in rubrics.TYPES]
        if not checks:
            return None
        usual = self._request.judge or self._settings.judge
        if usual is None and any(rubrics.names_model(check) is None for check in checks):
            raise Invalid(
                f"{name} is judged by a model ({checks[0].label}), and none is named; give --judge "
                "openai/gpt-5.4, or write it to promptstage.toml:  [eval] judge = ..."
            )
        return usual or rubrics.names_model(checks[0])

    def _at(self, oid: str, name: str, what: str) -> PromptFile:
        found = suite_files.at_commit(self._repository(), oid, name)
        if found is None:
            raise Invalid(f"{what} holds no file of {name}; choose another version")
        return found

    def _repository(self) -> Path:
        return self._top or worktree.top(Path())


def general_checks(suite: Suite, document: Document) -> tuple[Check, ...]:
    """Return the checks that hold for any input: those of `defaultTest`, and evaluators. Raises Invalid."""
    evaluators = next((case.checks for case in suite.cases if case.id.startswith("row-")), ())
    known = {variable.name for variable in document.variables} | {
        place.name for place in document.placeholders
    }
    every = (*suite.default_test.checks, *evaluators)
    found = tuple(check for check in every if values.names(check.value) <= known | {"completion"})
    if not found:
        raise Invalid(
            f"{suite.prompt} has no check that holds for any input; write one to defaultTest in its file, "
            "such as an llm-rubric"
        )
    return found


def _paths_in(top: Path, file: PromptFile) -> set[str]:
    """The paths in the repository of all files that a prompt and its suite are made of."""
    inner = (file.path, *file.partials, *file.beside)
    return {os.path.relpath(os.path.realpath(file.folder + path), os.path.realpath(top)) for path in inner}


def _suite(file: PromptFile) -> Suite:
    """Read a suite. Raises Invalid with the places of what is wrong."""
    try:
        suite, problems = read_suite(file.path, file.content, file.beside, file.partials)
    except DocumentInvalid as error:
        where = f"{file.folder}{file.path}:{error.line}:{error.column}"
        raise Invalid(f"{where}: {error.message}", **error.extra) from error
    if suite is None:
        errors = [f"{file.folder}{problem}" for problem in problems if problem.severity == "error"]
        more = f"\nand {len(errors) - PROBLEMS} more: promptstage check" if len(errors) > PROBLEMS else ""
        raise Invalid("\n".join(("the suite has errors:", *errors[:PROBLEMS])) + more)
    return suite


def _nothing(file: PromptFile, suite: Suite, tags: frozenset[str]) -> str:
    if suite.cases and tags:
        known = sorted({tag for case in suite.cases for tag in case.tags})
        there = f"there are {', '.join(known)}" if known else 'none has any; write "tags": ["parcel"] in some'
        return f"no case of {file.name} has a tag of {', '.join(sorted(tags))}; {there}"
    stem = naming.stem(f"{file.folder}{file.path}")
    if suite.cases:
        return (
            f"no check judges the cases of {file.name}; add `assert` to them, or `evaluators` to the prompt"
        )
    return f'{file.name} has no cases; write them to {stem}.cases.jsonl: {{"id": "...", "vars": {{...}}}}'


def _stable(name: str, environment: str) -> str | None:
    """Ask the registry which version is stable; None: none is. Raises RegistryError."""
    try:
        state = http.connect().get(paths.rollout_path(environment, name), STABLE)
    except RegistryError as error:
        if error.code == "unknown_prompt":
            return None
        words = f"{error.message}\nor compare with a version or a commit: --against 1.2.0, --against main"
        raise type(error)(words, code=error.code) from error
    version: str | None = state[STABLE] and state[STABLE]["version"]
    return version
