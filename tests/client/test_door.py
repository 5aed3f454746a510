"""What `import promptstage` gives, brings along, and costs."""

from __future__ import annotations

import resource
import subprocess
import sys

import promptstage


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def processor_seconds(program: str) -> float:
    """What a program costs in a fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_door_is_sorted_and_complete() -> None:
    """What it names is there."""
    assert promptstage.__all__ == [
        "Call",
        "Client",
        "Prompt",
        "PromptTooLarge",
        "PromptUnavailable",
        "PromptUnsupported",
        "PromptstageError",
        "ReleaseInvalid",
        "Stamp",
        "VariablesMissing",
        "carry",
        "context",
        "logs",
        "middleware",
        "task",
    ]
    assert all(hasattr(promptstage, name) for name in promptstage.__all__)


def test_import_brings_only_the_standard_library() -> None:
    """Whatever of it is used."""
    assert brought_by("from promptstage import *") - sys.stdlib_module_names == {"promptstage"}


def brought_by(program: str) -> set[str]:
    """The top-level modules that a program imports."""
    program = f"import sys; before = set(sys.modules); {program}; print(*(set(sys.modules) - before))"
    return {module.partition(".")[0] for module in run(program).split()}


def test_import_spares_the_heavy_parts_of_it() -> None:
    """For an application that logs, or talks to anything, has them; one that does not need not."""
    brought = brought_by("from promptstage import Client, context")

    assert brought - sys.stdlib_module_names == {"promptstage"}
    assert not brought & {"asyncio", "email", "http", "json", "logging", "socket", "ssl", "urllib"}


def test_urllib3_comes_with_the_first_client() -> None:
    """Not earlier."""
    program = (
        "import sys, promptstage; print('urllib3' in sys.modules);"
        "promptstage.Client('http://127.0.0.1:9').close(); print('urllib3' in sys.modules)"
    )

    assert run(program).split() == ["False", "True"]


def test_import_costs_40_ms_at_most() -> None:
    """More than an empty interpreter: processor time, the best of some runs, for noise only adds."""

    def best(program: str) -> float:
        return min(processor_seconds(program) for _ in range(10))

    assert best("import promptstage") - best("pass") <= 0.040
