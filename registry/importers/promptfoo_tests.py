"""Read tests of promptfoo as cases. Pure.

A test that promptfoo runs in a way that has no counterpart, or whose values it would change, is left out by
its name; so is an assertion that is not judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import promptfoo_files, sources
from registry.suites import assertions
from registry.suites.case_fields import ID_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.importers.promptfoo_files import Around
    from registry.suites.problems import Fault

_READ = frozenset(("assert", "description", "metadata", "options", "prompts", "threshold", "vars"))
_OPTIONS = frozenset(("disableVarExpansion",))
_OF_GRADERS = frozenset(("provider", "rubricPrompt"))
_OURS = ("id", "tags", "source")  # what an export puts into metadata
_EXPECTED = "expected"


class Tests(NamedTuple):
    """The cases, and the keys of the prompt file that hold for all of them."""

    cases: tuple[dict[str, Any], ...]
    keys: dict[str, Any]


def read(
    config: Mapping[str, Any], label: str, document: Mapping[str, Any], around: Around, left_out: list[str]
) -> Tests:
    """Return the tests of a prompt.

    Args:
        config: the configuration.
        label: how tests name the prompt.
        document: the prompt.
        around: the files that are named.
        left_out: gets a sentence on each that is not carried over.
    """
    reader = _Reader(document, around, left_out)
    default = sources.mapping(config.get("defaultTest"), "defaultTest")
    options = sources.mapping(default.get("options"), "the options of defaultTest")
    expands = options.get("disableVarExpansion") is not True
    shared = reader.fields(default, "defaultTest", expands=expands) or {}
    cases: list[dict[str, Any]] = []
    for number, test in enumerate(_tests(config.get("tests"), around, left_out), 1):
        if not isinstance(test, dict):
            left_out.append(f"the test {number}, which is no mapping")
        elif _is_for(test.get("prompts"), label):
            found = reader.case(test, number, {case["id"] for case in cases}, expands=expands)
            cases += [found] if found else []
    return Tests(tuple(cases), {"defaultTest": shared} if shared else {})


def _tests(given: Any, around: Around, left_out: list[str]) -> Iterator[Any]:
    for entry in given if isinstance(given, list) else [] if given is None else [given]:
        if not isinstance(entry, str):
            yield entry
            continue
        try:
            yield from promptfoo_files.data(around, entry)
        except Invalid as error:
            left_out.append(error.message)


def _is_for(given: Any, label: str) -> bool:
    """Tell whether a test is for a prompt: by its label, or by a pattern with * at its end."""
    wanted = [given] if isinstance(given, str) else given
    if not isinstance(wanted, list):
        return True
    return any(
        label == each or (each.endswith("*") and label.startswith(each[:-1])) for each in map(str, wanted)
    )


class _Reader:
    """Reads tests of one prompt."""

    def __init__(self, document: Mapping[str, Any], around: Around, left_out: list[str]) -> None:
        self._document = document
        self._around = around
        self._left_out = left_out

    def case(
        self, test: Mapping[str, Any], number: int, taken: set[str], *, expands: bool
    ) -> dict[str, Any] | None:
        """Return a test as a case; None, and a sentence, if it is left out."""
        about = sources.mapping(test.get("metadata"), "the metadata of a test")
        name = _identifier(about.get("id"), test.get("description"), number, taken)
        found = self.fields(test, name, expands=expands)
        if found is None:
            return None
        if extra := [key for key in about if key not in _OURS]:
            self._left_out.append(f"the metadata {', '.join(extra)} of tests")
        described = test.get("description")
        case: dict[str, Any] = {"id": name}
        if isinstance(described, str) and described != name:
            case["description"] = described
        values = found.pop("vars", {})
        if _EXPECTED in values and not self._names(_EXPECTED):
            case["expected"] = values.pop(_EXPECTED)
        kept = {key: about[key] for key in ("tags", "source") if key in about}
        return case | ({"vars": values} if values else {}) | found | kept

    def fields(self, test: Mapping[str, Any], name: str, *, expands: bool) -> dict[str, Any] | None:
        """Return `vars`, `assert` and `threshold` of a test; None, and a sentence, if it is left out."""
        options = sources.mapping(test.get("options"), "the options of a test")
        others = [key for key in test if key not in _READ]
        others += [f"options.{key}" for key in options if key not in _OPTIONS | _OF_GRADERS]
        if others:
            self._left_out.append(f"the test {name}, which has {', '.join(others)}")
            return None
        self._left_out += [f"who judges by a rubric: {key} of tests" for key in options if key in _OF_GRADERS]
        try:
            values = self._values(
                test.get("vars"), expands=expands and options.get("disableVarExpansion") is not True
            )
        except Invalid as error:
            self._left_out.append(f"the test {name}: {error.message}")
            return None
        checks = list(self._checks(test.get("assert"), name))
        found = {"vars": values, "assert": checks, "threshold": test.get("threshold")}
        return {key: value for key, value in found.items() if value not in (None, {}, [])}

    def _values(self, given: Any, *, expands: bool) -> dict[str, Any]:
        if isinstance(given, str):
            raise Invalid("its variables are in another file")
        values = dict(sources.mapping(given, "the vars of a test"))
        for name, value in values.items():
            if isinstance(value, list) and expands:
                raise Invalid(f"the list {name}, of which promptfoo makes a test for each value")
            if not isinstance(value, str):
                continue
            if promptfoo_files.is_path(value) and "://" in value:
                raise Invalid(f"the value of {name} is in a file")
            if any(f"{{{{{other}}}}}" in value.replace(" ", "") for other in values):
                raise Invalid(f"promptfoo puts another variable into the value of {name}")
            values[name] = value.removesuffix("\n")  # as promptfoo does
        return values

    def _checks(self, given: Any, name: str) -> Iterator[dict[str, Any]]:
        """Yield the assertions that are judged here as they are there."""
        for each in given if isinstance(given, list) else []:
            one = self._with_file(each)
            faults: list[Fault] = []
            assertions.read([one], self._document.get("tools", ()), faults)
            wrong = next((fault for fault in faults if fault.is_error), None)
            if wrong is None:
                yield one
                continue
            kind = each.get("type") if isinstance(each, dict) else each
            self._left_out.append(f"the assertion {str(kind)[:60]} of {name}: {wrong.message}")

    def _with_file(self, given: Any) -> Any:
        """Return an assertion with the text of the file that its rubric is in."""
        match given:
            case {"type": "llm-rubric" | "not-llm-rubric", "value": str(value)} if value.startswith(
                "file://"
            ):
                try:
                    return {**given, "value": self._around.file(value)[1]}
                except Invalid:
                    return given
        return given

    def _names(self, name: str) -> bool:
        """Tell whether a message of the prompt names a variable."""
        return f"{{{{{name}}}}}" in str(self._document["messages"])


def _identifier(given: Any, described: Any, number: int, taken: set[str]) -> str:
    """Return an id for a case: what the export of a suite has kept, the description, or its number."""
    numbered = (f"test-{n}" for n in range(number, number + len(taken) + 1))
    return next(str(each) for each in (given, described, *numbered) if _is_id(each) and each not in taken)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable() and len(value) <= ID_LENGTH
