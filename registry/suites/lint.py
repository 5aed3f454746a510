"""Say everything that there is to say about a suite before it is tagged. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from registry.catalog.parsing import lint, partials, secret_scan
from registry.errors import DocumentInvalid
from registry.suites.cases import read_suite
from registry.suites.problems import Place, Problem
from registry.suites.suite_source import DEFAULT, may_have

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
        found = [*read_suite(path, content, beside, files).problems, *_secrets(beside)]
    except DocumentInvalid:
        return []
    ignored = lint.ignores(file)
    return sorted(problem for problem in found if problem.code not in ignored)


def _secrets(beside: Files) -> Iterator[Problem]:
    for path, data in beside.items():
        secrets = secret_scan.find(data) if isinstance(data, bytes) else iter(())
        for secret in islice(secrets, SECRETS):
            message = f"this looks like {secret.kind}; remove it, and revoke it if it was ever pushed"
            yield Problem(Place(path, secret.line, secret.column), "secret", message)
