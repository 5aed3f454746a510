"""The operator's file of rules."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from registry.errors import Invalid
from registry.policies.file import read
from registry.policies.rule_set import Rules

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
            b"environments.staging.suite = true",
            "environments.staging.suite: this is a table",
        ),
        (
            b"environments.staging.suite.required = 1",
            "environments.staging.suite.required: write true or false",
        ),
        (
            b"environments.staging.suite.max_age = '3 months'",
            "environments.staging.suite.max_age: '3 months' is not a time; write 30s, 10m, 4h or 2d",
        ),
        (
            b"environments.staging.suite.attesters = []",
            "environments.staging.suite.attesters: write at least 1",
        ),
        (
            b"environments.staging.suite.attestors = ['ci']",
            "environments.staging.suite.attestors: there is no such key",
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


def test_a_suite_is_required_where_the_file_says_so(tmp_path: Path) -> None:
    """Without the table nothing is; without `max_age` an attestation counts for ever."""
    file = tmp_path / "rules.toml"
    file.write_text(
        "[environments.production.suite]\nrequired = true\nmax_age = '90d'\nattesters = ['ci', 'nightly']\n"
        "[environments.staging.suite]\n"
    )
    production, staging = (read(file, ENVIRONMENTS).of(name).suite for name in ENVIRONMENTS)

    assert (production.required, production.longest) == (True, timedelta(days=90))
    assert production.attesters == ("ci", "nightly")
    assert (staging.required, staging.longest, staging.attesters) == (False, None, None)
    assert not read(None, ENVIRONMENTS).of("production").suite.required


WATCHED = """
[[budgets]]
environment = "production"
prompt = "summarize"
period = "month"
usd = 50
at = [0.5, 0.8, 1.0]
notify = ["ops"]

[[alerts]]
environment = "staging"
metric = "p95_ms"
over = "1h"
ratio = 1.3
minimum = 200

[notify.ops]
url_file = "/etc/promptstage/slack"
format = "slack"
events = ["rollout.*", "approval.waiting", "budget.*"]
"""


def test_what_is_watched_and_who_is_told(tmp_path: Path) -> None:
    """Numbers stay exact."""
    file = tmp_path / "rules.toml"
    file.write_text(WATCHED)
    rules = read(file, ENVIRONMENTS)

    (budget,), (alert,) = rules.budgets, rules.alerts
    assert (budget.usd, budget.at[1], budget.notify) == (Decimal(50), Decimal("0.8"), ("ops",))
    assert (alert.ratio, alert.above, alert.minimum) == (Decimal("1.3"), None, 200)
    assert rules.notify["ops"].url_file == Path("/etc/promptstage/slack")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("usd = 50", "usd = 0", "budgets[0].usd: write a number above 0"),
        ("usd = 50", "usd = '50'", "budgets[0].usd: write a number, such as 0.5"),
        ("usd = 50", "usd = inf", "budgets[0].usd: write a number, such as 0.5"),
        ("usd = 50\n", "", "budgets[0].usd: this key is missing"),
        ("usd = 50", "usd = 50\nteam = 'a'", "budgets[0].team: there is no such key"),
        ('"month"', '"year"', "budgets[0].period: write 'day', 'week' or 'month'"),
        ("[0.5, 0.8, 1.0]", "[0.8, 0.5]", "budgets[0]: at: write rising shares, such as [0.5, 0.8, 1.0]"),
        ("[0.5, 0.8, 1.0]", "[]", "budgets[0].at: write at least 1"),
        ("[0.5, 0.8, 1.0]", "0.5", "budgets[0].at: this is a list"),
        ('["ops"]', '["opps"]', "budgets[0].notify: there is no table [notify.opps]"),
        ('"production"', '"prod"', "budgets[0].environment: there is no such environment; there are"),
        ('"staging"', '"stage"', "alerts[0].environment: there is no such environment; there are"),
        ('"p95_ms"', '"p99_ms"', "alerts[0].metric: write 'p95_ms', 'ttft_p95_ms', 'error_rate'"),
        ("ratio = 1.3", "ratio = 1", "alerts[0].ratio: write a number above 1"),
        ("ratio = 1.3", "ratio = 1.3\nabove = 5", "alerts[0]: write above or ratio: one of both"),
        ("ratio = 1.3\n", "", "alerts[0]: write above or ratio: one of both"),
        ('"1h"', '"90d"', "alerts[0].over: write a time from 1m to 7d"),
        ('"1h"', '"soon"', "alerts[0].over: 'soon' is not a time; write 30s, 10m, 4h or 2d"),
        ('"slack"\n', '"teams"\n', "notify.ops.format: write 'slack' or 'json'"),
        (
            '"rollout.*"',
            '"rollouts.*"',
            "notify.ops.events[0]: 'rollouts.*' is no event; write an event's name",
        ),
        (
            'format = "slack"',
            'format = "slack"\nsecret_file = "x"',
            "notify.ops: secret_file: only messages of",
        ),
        ('"/etc/promptstage/slack"', "3", "notify.ops.url_file: write a path"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """By its place in the file."""
    file = tmp_path / "rules.toml"
    assert old in WATCHED
    file.write_text(WATCHED.replace(old, new, 1))

    with pytest.raises(Invalid) as refused:
        read(file, ENVIRONMENTS)

    assert refused.value.message.startswith(f"{file}: {words}")


def test_the_example_for_operators_is_one() -> None:
    """What the page for operators shows can be copied."""
    page = (Path(__file__).parents[1] / "docs/operating.md").read_text()
    approval, suite, guard = (part.partition("```")[0] for part in page.split("```toml\n[environments")[1:])

    assert _rules(f"[environments{approval}").of("production").approval
    judged = _rules(f"[environments{guard}").of("production").guard
    assert judged
    assert judged.required
    assert judged.tolerance == {"latency": 1.5}
    required = _rules(f"[environments{suite}").of("production").suite
    assert required
    assert required.required


def _rules(text: str) -> Rules:
    return Rules.model_validate(tomllib.loads(text, parse_float=Decimal))
