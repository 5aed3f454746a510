"""What the page about costs shows: its file of prices is one, and its commands run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notify.receiver import Receiver
from pages.markdown import blocks
from pages.running import environment, shell

from registry.outcomes.prices import Priced, Prices
from registry.outcomes.rates import Tokens
from registry.policies.file import read
from registry.policies.spending import Alert, Budget

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/costs.md"
FOLDER = "/etc/promptstage/"


def test_the_prices_are_those_of_the_comments(tmp_path: Path) -> None:
    """Each entry holds where the page says it does."""
    file = tmp_path / "prices.toml"
    file.write_text(blocks(PAGE, "toml")[0].text)
    prices, at = Prices(file), datetime(2026, 11, 1, tzinfo=UTC)

    assert prices.price("our-llama-70b", None, Tokens(1_000_000, 0), at) == Priced(10**8, "prices.toml")
    found = prices.price("gpt-5-mini", "openai", Tokens(1_000_000, 0, 1_000_000), at)
    assert found == Priced(2 * 10**7, "contract 4711", "2026-09-01")


def test_the_commands_run(tmp_path: Path) -> None:
    """On the page's own files, with a receiver that is there."""
    prices, rules = (block.text for block in blocks(PAGE, "toml"))
    (tmp_path / "prices.toml").write_text(prices)
    (tmp_path / "rules.toml").write_text(rules.replace(FOLDER + "slack", str(tmp_path / "url")))
    with Receiver() as receiver:
        receiver.address(tmp_path)
        commands = "".join(block.text for block in blocks(PAGE, "sh")).replace(FOLDER, "")
        told = shell(commands, tmp_path, environment(tmp_path))

    assert "prices.toml is right: 2 prices" in told
    assert "ops has taken it" in told
    assert len(receiver.received) == 1


def test_the_rules_are_such(tmp_path: Path) -> None:
    """Every key of the page is one, and the defaults are those that it says."""
    file = tmp_path / "rules.toml"
    file.write_text(blocks(PAGE, "toml")[1].text)
    rules = read(file, ("production",))

    assert (len(rules.budgets), len(rules.alerts), list(rules.notify)) == (1, 1, ["ops"])
    assert Budget.model_fields["at"].default == (1,)
    assert Alert.model_fields["over"].default == "1h"
