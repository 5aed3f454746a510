"""``promptstage policies``, ``prices`` and ``notify``: what is wrong with files is told beforehand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from notify.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository


def test_rules_are_checked(cli: Cli, tmp_path: Path) -> None:
    """They are shown as the registry understands them."""
    file = tmp_path / "rules.toml"
    file.write_text(
        "[environments.production]\napproval = true\n[environments.staging.content]\nsample = 0.02\n"
        "[environments.staging.suite]\nrequired = true\nmax_age = '90d'\nattesters = ['ci']\n"
    )
    done = cli("policies", "check", str(file))

    assert done.out.splitlines() == [
        "production: a start or promote needs a second token; content of 0.00%",
        (
            "staging: a start or promote needs none; content of 2.00%; suite: an attestation by ci, at most "
            "90d old"
        ),
        f"{file} is right",
    ]
    shown = json.loads(cli("policies", "check", str(file), "--json").out)
    assert shown["environments"]["staging"]["content"] == {"sample": 0.02}


def test_a_wrong_rule_is_named(cli: Cli, tmp_path: Path) -> None:
    """By file and key, and the exit code is 1."""
    file = tmp_path / "rules.toml"
    file.write_text("[environments.production.content]\nsample = 2\n")
    done = cli("policies", "check", str(file))

    assert (done.code, done.err) == (
        1,
        f"Error: {file}: environments.production.content.sample: write a number up to 1\n",
    )


def test_prices_are_checked(cli: Cli, tmp_path: Path) -> None:
    """Their number is told, or what is wrong."""
    file = tmp_path / "prices.toml"
    file.write_text("[[models]]\nmodel = 'ours'\ninput = 0.1\noutput = 0.3\n")
    right = cli("prices", "check", str(file))
    file.write_text("[[models]]\nmodel = 'ours'\ninput = 0.1\n")
    wrong = cli("prices", "check", str(file))

    assert right.out == f"{file} is right: 1 price\n"
    assert (wrong.code, wrong.err) == (1, f"Error: {file}: models[0].output: this key is missing\n")


def test_a_price_is_shown(cli: Cli, tmp_path: Path) -> None:
    """With where it is from; the operator's comes first."""
    file = tmp_path / "prices.toml"
    file.write_text("[[models]]\nmodel = 'ours'\ninput = 0.10\noutput = 0.3\nfrom = 2026-01-01\n")
    listed = cli("prices", "show", "gemini-2.5-pro")
    own = cli("prices", "show", "ours", "--file", str(file))
    unknown = cli("prices", "show", "ours")

    assert listed.out.splitlines() == [
        "input $1.25, cached $0.125, output $10 a million tokens",
        "input $2.5, cached $0.25, output $15 a million tokens, for prompts over 200,000 tokens",
        "by genai-prices 0.2.3",
    ]
    assert own.out.splitlines()[1] == "by prices.toml, since 2026-01-01"
    assert (unknown.code, "count as unpriced" in unknown.err) == (1, True)


def test_a_registry_does_not_start_with_wrong_prices(
    cli: Cli, author: PromptRepository, tmp_path: Path
) -> None:
    """They would be found out by the first call."""
    file = tmp_path / "prices.toml"
    file.write_text("[[model]]\n")
    done = cli.process("serve", "--repository", author.path, PROMPTSTAGE_PRICES=str(file))

    assert (done.code, done.err) == (1, f"Error: {file}: model: there is no such key\n")


def test_a_target_is_tried(cli: Cli, tmp_path: Path) -> None:
    """With a real message; what is wrong with it is told, but not its address."""
    rules = tmp_path / "rules.toml"
    rules.write_text(f"[notify.ops]\nurl_file = '{tmp_path}/url'\nformat = 'slack'\n")
    with Receiver() as receiver:
        receiver.address(tmp_path)
        taken = cli("notify", "test", "ops", PROMPTSTAGE_CONFIG=str(rules))
        receiver.answer = lambda _: 404
        refused = cli("notify", "test", "ops", "--config", str(rules))
    unknown = cli("notify", "test", "opps", "--config", str(rules))
    without = cli("notify", "test", "ops")

    assert (taken.code, taken.out.startswith("ops has taken it: A test of the target ops, by ")) == (0, True)
    assert receiver.texts[0].startswith("A test of the target ops, by promptstage on ")
    assert refused.err == "Error: ops did not take it: it answered 404\n"
    assert "there is no table [notify.opps]" in unknown.err
    assert "PROMPTSTAGE_CONFIG" in without.err
    assert [done.code for done in (refused, unknown, without)] == [1, 1, 1]
