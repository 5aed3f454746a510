"""Write a version's files, and make sure that the registry can serve them. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.catalog import naming
from registry.catalog.parsing import lint
from registry.errors import Invalid
from registry.importers import prompt_file
from registry.importers.here import Held
from registry.suites import lint as suite_lint
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.importers.imported import Imported

# As authors write a prompt file, whatever order a source has.
_ORDER = (
    "name", "description", "model", "modelParameters", "responseFormat", "jsonSchema", "template", "tools",
    "toolChoice", "variables", "messages", "testData", "evaluators", "defaultTest", "metadata",
)  # fmt: skip


def fit(item: Imported, path: str) -> tuple[Imported, Held]:
    """Return a version with what more of it is left out, and its files.

    Args:
        item: the version.
        path: that of the prompt's file in the repository.

    Raises:
        Invalid: the file could not be served, or holds a secret, which git would keep for ever.
    """
    content = prompt_file.prompt_file(_ordered(item.document))
    for finding in lint.check(content, path, {}):
        if finding.is_fatal or finding.code == "secret":
            raise Invalid(f"its file could not be served: {finding}", code=finding.code)
    cases, left_out = _fit_cases(item, content)
    return replace(item, left_out=(*item.left_out, *left_out)), Held(path, content, cases)


def _ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: document[key] for key in _ORDER if key in document}
    return {**known, **document}


def _fit_cases(item: Imported, content: bytes) -> tuple[bytes, list[str]]:
    """Return the file of the cases that can be judged, and sentences on the others."""
    path = naming.file_names(item.name)[0]
    file = cases_path(path)
    beside = {file: prompt_file.cases_file(item.cases)} if item.cases else {}
    problems = [each for each in suite_lint.check(path, content, beside, {}) if each.severity == "error"]
    if other := next((each for each in problems if each.place.path != file), None):
        raise Invalid(f"its checks could not be run: {other.message}", code=other.code)
    wrong = {each.place.line: each.message for each in reversed(problems)}  # the first of each line
    left_out = [f"case {item.cases[line - 1].get('id', line)}: {wrong[line]}" for line in sorted(wrong)]
    kept = [case for line, case in enumerate(item.cases, 1) if line not in wrong]
    return prompt_file.cases_file(kept), left_out
