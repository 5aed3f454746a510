"""Lint a prompt file before it is tagged: more than the registry has to check. Pure.

A comment at the beginning of a line, ``# promptstage: ignore secret, unknown_key``, silences those codes in
its file. Only findings that do not prevent serving can be ignored. What files were once accepted with never
makes a version invalid, so rules about it are here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.catalog.parsing import document, json_schema, parameters, partials, secret_scan, variable_types
from registry.catalog.parsing.codes import CODES, can_be_ignored
from registry.catalog.parsing.nodes import Finding
from registry.catalog.parsing.strict_yaml import FINDINGS_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.catalog.parsing.partials import Files

_RULES = (parameters.lint, json_schema.lint, variable_types.lint)
_IGNORED = re.compile(rb"^# *promptstage: *ignore +([\w, ]+)", re.MULTILINE)


def check(content: bytes, path: str, files: Files | None = None) -> list[Finding]:
    """Return all findings about a prompt file and its partials; takes what `document.parse` takes."""
    if files is None:
        content, files = partials.split(content)
    ignored = ignores(content)
    found = [*document.check(content, path, files, _RULES), *_secrets(content)]
    for name, data in files.items():
        inner = _secrets(data if isinstance(data, bytes) else b"")
        found += (_in_partial(content, name, one) for one in inner)
    shown = (finding for finding in found if finding.code not in ignored)
    return sorted(shown, key=lambda finding: (finding.line, finding.column))


def _in_partial(content: bytes, name: str, found: Finding) -> Finding:
    """Move a finding to where the prompt file names the partial; to its beginning, if others ask for it."""
    before = content[: max(content.find(name.encode()), 0)].decode("utf-8", "replace")
    place = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Finding(*place, found.code, f"in line {found.line} of {name}: {found.message}")


def ignores(content: bytes) -> set[str]:
    """Return the codes that a file ignores, of those that can be ignored."""
    named = {code.decode() for codes in _IGNORED.findall(content) for code in re.split(rb"[, ]+", codes)}
    return {code for code in named if code in CODES and can_be_ignored(code)}


def _secrets(content: bytes) -> Iterator[Finding]:
    for secret, _ in zip(secret_scan.find(content), range(FINDINGS_LIMIT), strict=False):
        message = (
            f"this looks like {secret.kind}; remove it, and revoke it if it was ever pushed; "
            "if it is none, add a line `# promptstage: ignore secret`"
        )
        yield Finding(secret.line, secret.column, "secret", message)
