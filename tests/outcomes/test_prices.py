"""Prices: three invoices of each provider, computed by hand, and the operator's own prices."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from genai_prices import Usage

from registry.errors import Invalid
from registry.outcomes.call import Call
from registry.outcomes.price_list import PriceList, listed_rates
from registry.outcomes.prices import Priced, Prices
from registry.outcomes.rates import Rates, Tokens

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 1, tzinfo=UTC)
SOURCE = "genai-prices 0.2.3"
PRICES = Prices()  # loads the list once

# In micro-dollars, from what the providers publish: US dollars for a million tokens, so micro-dollars for
# one. Input (uncached) x price + cached x price + output x price.
INVOICES = {
    # OpenAI: gpt-5-mini 0.25 / 0.025 / 2; gpt-4.1 2 / 0.5 / 8; gpt-4o-mini 0.15 / 0.075 / 0.6. The second has
    # the tokens of the example in OpenAI's guide to prompt caching.
    ("openai", "gpt-5-mini-2025-08-07", 1_204, 0, 88): 301 + 0 + 176,
    ("openai", "gpt-4.1-2025-04-14", 2_006, 1_920, 300): 172 + 960 + 2_400,
    ("openai", "gpt-4o-mini", 100_000, 0, 12_345): 15_000 + 0 + 7_407,
    # Anthropic: Opus 5 is 5 / 0.5 / 25, Haiku 4.5 is 1 / 0.1 / 5. The first two are the worked examples of
    # Anthropic's page of prices, without the session's runtime: $0.25 + $0.375, and $0.05 + $0.02 + $0.375.
    ("anthropic", "claude-opus-5", 50_000, 0, 15_000): 250_000 + 0 + 375_000,
    ("anthropic", "claude-opus-5", 50_000, 40_000, 15_000): 50_000 + 20_000 + 375_000,
    ("anthropic", "claude-haiku-4-5-20251001", 12_345, 10_000, 678): 2_345 + 1_000 + 3_390,
    # Google: Gemini 2.5 Pro is 1.25 / 0.125 / 10, for prompts over 200,000 tokens 2.5 / 0.25 / 15; 2.5 Flash
    # is 0.3 / 0.03 / 2.5. Thoughts are output.
    ("gcp.gemini", "gemini-2.5-pro", 11_500, 10_000, 11_000): 1_875 + 1_250 + 110_000,
    ("gcp.gemini", "gemini-2.5-pro", 250_000, 0, 2_000): 625_000 + 0 + 30_000,
    ("gcp.gemini", "gemini-2.5-flash", 50_000, 0, 2_000): 15_000 + 0 + 5_000,
}


@pytest.mark.parametrize(("call", "micros"), INVOICES.items(), ids=str)
def test_an_invoice_is_right_to_the_micro_dollar(call: tuple[str, str, int, int, int], micros: int) -> None:
    """With the provider's name, and without it."""
    provider, model, tokens, cached, output = call
    for name in (provider, None):
        found = PRICES.price(model, name, Tokens(tokens, output, cached), AT)
        assert found
        assert (found.nanos, found.source) == (micros * 1000, SOURCE)


def test_the_list_computes_the_same() -> None:
    """Of every model, for short and long prompts, with and without cached tokens."""
    compared = 0
    published = PriceList()
    for provider in published.providers:
        for model in provider.models:
            prices = model.get_prices(AT)
            rates = listed_rates(prices)
            for tokens in (Tokens(1_000, 100, 200), Tokens(150_000, 10), Tokens(3_000_000, 5_000, 1)):
                if rates:
                    usage = Usage(
                        input_tokens=tokens.input,
                        output_tokens=tokens.output,
                        cache_read_tokens=tokens.cached,
                    )
                    theirs = prices.calc_price(usage)["total_price"]
                    assert (model.id, rates.nanos(tokens)) == (model.id, round(theirs * 10**9))
                    compared += 1
    assert compared > 6000


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai/gpt-5-mini", None),
        ("openai/gpt-5-mini", "litellm"),
        ("gpt-5-mini", "azure.ai.openai"),
        ("GPT-5-mini", "OpenAI"),
    ],
)
def test_a_model_has_several_names(model: str, provider: str | None) -> None:
    """Those that prompt files, gateways and instrumentations use."""
    assert PRICES.price(model, provider, Tokens(1_000_000, 0), AT) == Priced(250_000_000, SOURCE)


@pytest.mark.parametrize(("model", "provider"), [("our-own", None), ("gpt-5-mini", "vllm"), ("", None)])
def test_what_nobody_lists_is_unknown(model: str, provider: str | None) -> None:
    """A model of one's own, and one of a server of one's own that calls it by another's name."""
    assert PRICES.price(model, provider, Tokens(10, 10), AT) is None


def test_a_price_may_change_with_the_day() -> None:
    """The day since which it holds is told."""
    later = PRICES.find("claude-opus-4-6", "anthropic", AT)
    assert later
    assert later.date == "2026-03-13"
    before = PRICES.find("claude-opus-4-6", "anthropic", datetime(2026, 3, 12, 23, 59, tzinfo=UTC))
    assert before
    assert (before.date, before.rates.longer != later.rates.longer) == (None, True)


def call(**fields: object) -> Call:
    """A call on the first of November 2026."""
    known: dict[str, object] = {
        "id": "019a3d1f-5c00-7000-8000-000000000000",
        "at": int(AT.timestamp() * 1000),
    }
    return Call(**{**known, **fields})  # type: ignore[arg-type]


def test_the_sender_knows_best() -> None:
    """A cost in the report is taken, to the nano-dollar."""
    told = call(cost_usd=0.0012345678, model="gpt-5-mini", input_tokens=1, output_tokens=1)

    assert PRICES.of(told) == Priced(1_234_568, "sender")


def test_the_model_that_answered_is_paid() -> None:
    """If its price is known, else that which was asked for."""
    tokens = {"input_tokens": 1_000_000, "output_tokens": 0}
    answered = call(model="gpt-5-mini", response_model="gpt-4.1-2025-04-14", **tokens)
    odd = call(model="gpt-5-mini", response_model="deployment-7", **tokens)

    assert [(found := PRICES.of(one)) and found.nanos for one in (answered, odd)] == [2 * 10**9, 250_000_000]


@pytest.mark.parametrize("fields", [{"input_tokens": 5}, {"output_tokens": 5}, {}])
def test_without_tokens_there_is_no_price(fields: dict[str, object]) -> None:
    """Half a price would pass for a whole one."""
    assert PRICES.of(call(model="gpt-5-mini", **fields)) is None


def test_more_cached_tokens_than_tokens() -> None:
    """A report that cannot be right costs no less than nothing."""
    rates = Rates(input=Decimal(2), cached=Decimal(1), output=Decimal(0))

    assert rates.nanos(Tokens(10, 0, 25)) == 10_000


OWN = """
[[models]]
model = "our-*"
input = 0.1
output = 0.3

[[models]]
model = "our-large"
input = 1
cached = 0.5
output = 3.000000001
source = "contract 4711"

[[models]]
model = "our-large"
input = 2
output = 6
from = 2026-11-01

[[models]]
model = "gpt-5-mini"
provider = "openai"
input = 0.2
output = 1.6
"""


@pytest.fixture
def own(tmp_path: Path) -> Prices:
    """With prices of the operator."""
    file = tmp_path / "prices.toml"
    file.write_text(OWN)
    return Prices(file)


@pytest.mark.parametrize(
    ("model", "provider", "day", "expected"),
    [
        ("our-small", None, 1, Priced(100_000_000 + 300_000_000, "prices.toml")),
        ("our-large", "vllm", 1, Priced(2_000_000_000 + 6_000_000_000, "prices.toml", "2026-11-01")),
        ("gpt-5-mini", "openai", 1, Priced(200_000_000 + 1_600_000_000, "prices.toml")),
        ("gpt-5-mini", "azure", 1, Priced(250_000_000 + 2_000_000_000, SOURCE)),
    ],
)
def test_the_operators_prices_come_first(
    own: Prices, model: str, provider: str | None, day: int, expected: Priced
) -> None:
    """The most precise name, then the latest day; what is not there is in the list."""
    at = datetime(2026, 11, day, tzinfo=UTC)

    assert own.price(model, provider, Tokens(1_000_000, 1_000_000), at) == expected


def test_a_price_of_the_operator_is_exact(own: Prices) -> None:
    """Nine decimals, and cached tokens; before the day of the next price this one holds."""
    at = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
    expected = Priced(750_000_000 + 3_000_000_001, "contract 4711")

    assert own.price("our-large", None, Tokens(1_000_000, 1_000_000, 500_000), at) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it cannot be read: No such file or directory"),
        ("[[models]", "it is no TOML: "),
        ("[[model]]", "model: there is no such key"),
        ("models = 3", "models: this is a list"),
        ("[[models]]\nmodel = 'a'\ninput = 1", "models[0].output: this key is missing"),
        ("[[models]]\nmodel = 'a'\ninput = '1'\noutput = 1", "models[0].input: write a number, such as 0.5"),
        ("[[models]]\nmodel = 'a'\ninput = -1\noutput = 1", "models[0].input: write a number from 0 on"),
        ("[[models]]\nmodel = 'a'\ninput = nan\noutput = 1", "models[0].input: write a number, such as 0.5"),
        (
            "[[models]]\nmodel = 'a'\ninput = 1\noutput = 1\nfrom = 'may'",
            "models[0].from: write a day, such as 2026-09-01",
        ),
        (
            "[[models]]\nmodel = 'a'\ninput = 1\noutput = 1\n" * 2,
            "models[1]: models[0] is for the same model, provider and day",
        ),
    ],
)
def test_what_is_no_price_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    """With the file and the key."""
    file = tmp_path / "prices.toml"
    if content is not None:
        file.write_text(content)

    with pytest.raises(Invalid) as refused:
        Prices(file)

    assert refused.value.message.startswith(f"{file}: {words}")


def test_the_list_is_loaded_when_it_is_needed(own: Prices) -> None:
    """Neither reading the operator's prices nor using them brings it in."""
    code = (
        "import sys\nfrom registry.outcomes.prices import Prices\nPrices()\n"
        "assert 'genai_prices' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    own.price("our-small", None, Tokens(1, 1), AT)

    assert "_list" not in vars(own)
