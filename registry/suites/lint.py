"""Say everything that there is to say about a suite before it is tagged. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from promptstage.errors import PromptstageError, VariablesMissing
from promptstage.structured_rendering import make_renderer
from registry.catalog.naming import stem
from registry.catalog.parsing import document, lint, partials, secret_scan
from registry.errors import DocumentInvalid
from registry.suites.cases import read_suite
from registry.suites.problems import Place, Problem
from registry.suites.suite_source import DEFAULT, SuiteSource, may_have

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.catalog.parsing.partials import Files

SECRETS = 20  # told of a file


def check(path: str, content: bytes, beside: Files, files: Files | None = None) -> list[Problem]:
    """Return what is wrong with a suite; takes what `read_suite` takes.

    Codes that a comment of the prompt's file silences are left out. Of a prompt that cannot be served
    nothing is said, as its own problems come first.
    """
    file = partials.split(content)[0] if files is None else content
    if not beside and not any(may_have(file, key) for key in ("evaluators", DEFAULT)):
        return []
    try:
        reading = read_suite(path, content, beside, files)
        rows = _rows(path, content, beside, files) if may_have(file, "evaluators") else iter(())
        found = [*reading.problems, *rows, *_secrets(beside)]
    except DocumentInvalid:
        return []
    ignored = lint.ignores(file)
    return sorted(problem for problem in found if problem.code not in ignored)


def _rows(path: str, content: bytes, beside: Files, files: Files | None) -> Iterator[Problem]:
    """Say which rows of `testData` no model can be asked for; without evaluators they are no cases."""
    top = SuiteSource(path, content, beside).source.top
    if not {"testData", "evaluators"} <= top.keys():
        return
    data = top["testData"]
    if not isinstance(data.value, list):
        message = "testData must be a list; write `- {variable: value}` for each row"
        yield Problem(Place(path, data.line, data.column), "case", message)
        return
    renderer = make_renderer(stem(path), document.parse(content, path, files).document)
    for node in data.value:
        place, row = Place(path, node.line, node.column), node.plain()
        if not isinstance(row, dict):
            yield Problem(place, "case", "a row must be `variable: value` pairs; write it like that")
            continue
        try:
            renderer.messages(row)
        except VariablesMissing as error:
            where = f" in {error.place}" if error.place else ""
            needed = f"the prompt needs {', '.join(error.names)}{where}; add it to this row"
            yield Problem(place, "case_variable", needed)
        except (PromptstageError, TypeError) as error:
            yield Problem(place, "case_variable", str(error))


def _secrets(beside: Files) -> Iterator[Problem]:
    for path, data in beside.items():
        secrets = secret_scan.find(data) if isinstance(data, bytes) else iter(())
        for secret in islice(secrets, SECRETS):
            message = f"this looks like {secret.kind}; remove it, and revoke it if it was ever pushed"
            yield Problem(Place(path, secret.line, secret.column), "secret", message)
