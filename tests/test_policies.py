"""The operator's file of rules."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from registry.errors import Invalid
from registry.policies.file import read
from registry.policies.rules import Rules

ENVIRONMENTS = ("production", "staging")


def test_a_rule_is_that_of_its_environment(tmp_path: Path) -> None:
    """Where nothing is said, there is none."""
    file = tmp_path / "rules.toml"
    file.write_text("[environments.production]\napproval = true\n")
    rules = read(file, ENVIRONMENTS)

    assert (rules.of("production").approval, rules.of("staging").approval) == (True, False)
    assert not read(None, ENVIRONMENTS).of("production").approval


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it cannot be read: No such file or directory"),
        (b"[environments", "it is no TOML: "),
        (b"a = '\xff'", "it is no TOML: "),
        (b"environments = 3", "environments: this is a table"),
        (b"environments.staging = true", "environments.staging: this is a table"),
        (b"environment.staging.approval = true", "environment: there is no such key"),
        (b"environments.staging.aproval = true", "environments.staging.aproval: there is no such key"),
        (b"environments.staging.approval = 'yes'", "environments.staging.approval: write true or false"),
        (
            b"environments.staging.guard = true",
            "environments.staging.guard: this is a table",
        ),
        (
            b"environments.staging.guard.metrics = ['speed']",
            "environments.staging.guard.metrics[0]: 'speed' is no metric; there are errors, latency,",
        ),
        (
            b"environments.staging.guard.alpha = 0.5",
            "environments.staging.guard.alpha: write a number up to 0.2",
        ),
        (
            b"environments.staging.guard.required = 'yes'",
            "environments.staging.guard.required: write true or false",
        ),
        (
            b"environments.staging.guard.metrics = ['judge']",
            "environments.staging.guard: judge: the metric judge needs the scores that count",
        ),
        (
            b"environments.stage.approval = true",
            "environments.stage: there is no such environment; there are",
        ),
    ],
)
def test_what_is_no_rule_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    """The file is named, and the key: a rule that is not kept must not pass for one that is."""
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(Invalid) as refused:
        read(file, ENVIRONMENTS)

    assert refused.value.message.startswith(f"{file}: {words}")


def test_the_example_for_operators_is_one() -> None:
    """What the page for operators shows can be copied."""
    page = (Path(__file__).parents[1] / "docs/operating.md").read_text()
    approval, guard = (part.partition("```")[0] for part in page.split("```toml\n[environments")[1:])

    assert _rules(f"[environments{approval}").of("production").approval
    judged = _rules(f"[environments{guard}").of("production").guard
    assert judged
    assert judged.required
    assert judged.tolerance == {"latency": 1.5}


def _rules(text: str) -> Rules:
    return Rules.model_validate(tomllib.loads(text, parse_float=Decimal))
