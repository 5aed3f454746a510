"""schemathesis against a registry, if it is installed: it brings too much to be a dependency of the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from faults.scenario import Result

if TYPE_CHECKING:
    from support import Registry

WHAT = "the API, schemathesis"
SECONDS = 200
CASES = 10_000
OPTIONS = (
    *("--checks", "all", "--continue-on-failure", "--no-shrink", "--seed", "1", "--request-timeout", "10"),
    # Valid by its schema, and refused all the same: a plan and steps at once, a version that is broken.
    *("--exclude-checks", "positive_data_acceptance"),
    *("--exclude-path-regex", "stream$"),  # it would wait for the end
    *("--max-examples", "150", "--max-time", str(SECONDS)),
)


def result(registry: Registry) -> Result:
    """One row: void without the tool, or with too few cases."""
    tool = shutil.which("schemathesis")
    if tool is None:
        return Result(WHAT, 0, void="pipx install schemathesis, and put it on the PATH")
    authorization = f"Authorization: Bearer {registry.api.token}"
    command = [tool, "run", f"{registry.url}/openapi.json", "--header", authorization, *OPTIONS]
    said = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=registry.data.parent
    ).stdout
    cases = re.search(r"(\d+) generated", said)
    count = int(cases[1]) if cases else 0
    if count < CASES:
        return Result(WHAT, count, void=f"{count} of {CASES} cases only: {said[-200:]}")
    failures = re.search(r"found (\d+) unique", said)
    found = re.findall(r"^- (\w+ .+)$", said, re.MULTILINE)
    return Result(WHAT, count, wrong=int(failures[1]) if failures else 0, note=", ".join(sorted(set(found))))
