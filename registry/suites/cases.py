"""The suite of a prompt: its cases with their checks, read from the files of one commit. Pure.

The rows of `testData` in the prompt's file are cases, judged by its `evaluators`, with GitHub's meaning.
Each line of ``<name>.cases.jsonl`` beside it is a case, judged by its own `assert` and by that of
`defaultTest` in the prompt's file, with promptfoo's meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage.errors import PromptstageError, VariablesMissing
from promptstage.structured_rendering import make_renderer
from registry.catalog.naming import stem
from registry.catalog.parsing import document, json_schema
from registry.suites import assertions, case_fields, case_lines, evaluators
from registry.suites.checks import values
from registry.suites.problems import Fault, Place, Problem
from registry.suites.suite_source import DEFAULT, SuiteSource, cases_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from promptstage.model import Document, Json
    from registry.catalog.parsing.partials import Files
    from registry.suites.case_lines import Line
    from registry.suites.checks.check import Check


@dataclass(frozen=True, slots=True)
class Case:
    """One input of a prompt, and what its answer must be.

    Attributes:
        id: unique in its suite; rows of `testData` are ``row-1``, ``row-2``, ...
        vars: values of the variables and placeholders.
        expected: what a right answer would be, for checks that name it; None if nothing is said.
        checks: all that judge it, those of the suite first.
        tags: by which cases are chosen.
        source: the call that it was made from, and by whom; None if it was written.
        place: where it is.
        threshold: the score, 0 to 1, from which it passes; None if each check must pass.
    """

    id: str
    vars: Json
    expected: Any
    checks: tuple[Check, ...]
    tags: tuple[str, ...]
    source: Json | None
    place: Place
    threshold: float | None = None

    @property
    def values(self) -> Json:
        """What the values of checks may name: the variables, and `expected`."""
        return self.vars if self.expected is None else {"expected": self.expected, **self.vars}


@dataclass(frozen=True, slots=True)
class DefaultTest:
    """What holds for each line of a file of cases: `defaultTest` of the prompt's file."""

    checks: tuple[Check, ...] = ()
    vars: Json = field(default_factory=dict)
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of a prompt. `digest` is that of `registry.suites.digest.suite_digest`."""

    prompt: str
    cases: tuple[Case, ...]
    digest: str
    default_test: DefaultTest


class Reading(NamedTuple):
    """What came of reading a suite: no suite if a problem is an error."""

    suite: Suite | None
    problems: tuple[Problem, ...]


def wanted(path: str, content: bytes, beside: Files) -> tuple[str, ...]:
    """Return the paths of the files that a suite needs beside these; the caller asks until none is left.

    Args:
        path: that of the prompt's file, from the prompts folder.
        content: the prompt's file, or the content of a version.
        beside: what was found so far, by path from the prompts folder; in place of bytes, why there are none.
    """
    named = (cases_path(path), *SuiteSource(path, content, beside).rubrics)
    return tuple(each for each in dict.fromkeys(named) if each not in beside)


def digest_of(path: str, content: bytes, beside: Files) -> str:
    """Return the digest of a suite, right or wrong; takes what `read_suite` takes."""
    return SuiteSource(path, content, beside).digest


def read_suite(path: str, content: bytes, beside: Files, files: Files | None = None) -> Reading:
    """Read the suite of a prompt.

    Args:
        path: that of the prompt's file, from the prompts folder.
        content: the prompt's file; without `files` the content of a version.
        beside: by path from the prompts folder, the file of cases, if there is one, and the rubrics that
            `wanted` names; in place of bytes, why there are none, as in "is ...".
        files: the prompt's partials, as `document.parse` takes them.

    Raises:
        DocumentInvalid: the prompt's file cannot be served.
    """
    return _Reader(path, content, beside, document.parse(content, path, files).document).read()


class _Reader:
    """One suite on its way from files to cases."""

    def __init__(self, path: str, content: bytes, beside: Files, prompt: Document) -> None:
        self._files = SuiteSource(path, content, beside)
        self._beside = beside
        self._prompt = prompt
        self._name = stem(path)
        self._renderer = make_renderer(self._name, prompt)
        self._problems: list[Problem] = []
        self._seen: dict[str, Place] = {}

    def read(self) -> Reading:
        default = self._default_test()
        cases = (*self._rows(), *self._lines(default))
        problems = tuple(sorted(self._problems))
        if any(problem.severity == "error" for problem in problems):
            return Reading(None, problems)
        return Reading(Suite(self._name, cases, self._files.digest, default), problems)

    def _default_test(self) -> DefaultTest:
        faults: list[Fault] = []
        node = self._files.source.top.get(DEFAULT)
        given = node.plain() if node else None
        default = DefaultTest()
        if given is not None:
            read = case_fields.default_test(given, self._prompt.tools, faults)
            default = DefaultTest(
                self._with_rubrics(read.checks, faults, ("assert",)), read.vars, read.threshold
            )
        self._tell_in_prompt(DEFAULT, faults)
        return default

    def _rows(self) -> Iterator[Case]:
        """The rows of `testData`, without the check whether each renders: it may be there to try things."""
        faults: list[Fault] = []
        top = self._files.source.top
        given = top["evaluators"].plain() if "evaluators" in top else None
        checks = evaluators.read(given, faults) if given is not None else ()
        self._tell_in_prompt("evaluators", faults)
        data = top["testData"].value if "testData" in top else None
        for number, node in enumerate(data if isinstance(data, list) else (), 1):
            row = node.plain()
            if isinstance(row, dict):
                place = Place(self._files.path, node.line, node.column)
                yield Case(f"row-{number}", row, row.get("expected"), checks, (), None, place)

    def _lines(self, default: DefaultTest) -> Iterator[Case]:
        missing = self._beside.get(self._files.cases)
        if isinstance(missing, str):
            self._problems.append(Problem(Place(self._files.cases, 1), "unreadable", f"this file {missing}"))
        lines, problems = self._files.lines
        self._problems += problems
        for line in lines:
            faults: list[Fault] = []
            case = self._case(line, default, faults)
            self._problems += [line.problem(fault) for fault in faults]
            if len(self._problems) >= case_lines.PROBLEMS_LIMIT:
                return
            if case:
                yield case

    def _case(self, line: Line, default: DefaultTest, faults: list[Fault]) -> Case | None:
        read = case_fields.case(line.data, self._prompt.tools, faults)
        checks = (*default.checks, *self._with_rubrics(read.checks, faults, ("assert",)))
        first = self._seen.setdefault(read.id, line.place)
        if read.id and first is not line.place:
            message = f"the id {read.id[:60]!r} is already in line {first.line}; give one of them another id"
            faults.append(Fault(("id",), "duplicate_case", message))
        threshold = default.threshold if read.threshold is None else read.threshold
        case = Case(
            read.id,
            {**default.vars, **read.vars},
            read.expected,
            checks,
            read.tags,
            read.source,
            line.place,
            threshold,
        )
        faults += self._about(case, has_faults=bool(faults))
        return case

    def _about(self, case: Case, *, has_faults: bool) -> Iterator[Fault]:
        """Render the messages of a case, as an evaluation would, and look for what its checks name."""
        try:
            self._renderer.messages(case.vars)
        except VariablesMissing as error:
            where = f" in {error.place}" if error.place else ""
            needed = f"the prompt needs {', '.join(error.names)}{where}; add it to vars"
            yield Fault(("vars",), "case_variable", needed)
        except (PromptstageError, TypeError) as error:
            yield Fault(("vars",), "case_variable", str(error))
        for check in case.checks:
            unknown = sorted(
                name for name in values.names(check.value) if not values.is_known(name, case.values)
            )
            if unknown:
                message = (
                    f"{check.label} names {', '.join(unknown)}, which the case does not have; add it to vars"
                )
                yield Fault(("assert",), "case_variable", message)
        if not case.checks and not has_faults:
            message = (
                "no check judges this case, so any answer passes; add assert, or a defaultTest to the prompt"
            )
            yield Fault((), "no_checks", message)

    def _with_rubrics(
        self, checks: Sequence[Check], faults: list[Fault], path: tuple[str | int, ...]
    ) -> tuple[Check, ...]:
        """Put the texts of files in place of their paths."""
        found = []
        for check in checks:
            text = assertions.rubric_of(check, self._beside)
            if isinstance(text, Fault):
                faults.append(text.below(*path))
            else:
                found.append(text)
        return tuple(found)

    def _tell_in_prompt(self, key: str, faults: Iterable[Fault]) -> None:
        for fault in faults:
            node = json_schema.place(self._files.source, self._files.source.top[key], fault.path, key=True)
            self._problems.append(
                Problem(Place(self._files.path, node.line, node.column), fault.code, fault.message)
            )
