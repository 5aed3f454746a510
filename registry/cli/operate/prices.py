"""``promptstage prices``: what models cost, by the operator's file and by what is published."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.cli.output import PATH_SHOWN
from registry.errors import NotFound
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.outcomes.rates import Listed, Rates

app = typer.Typer(
    help="Show what models cost, and check the operator's prices.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What PROMPTSTAGE_PRICES will name.")],
) -> None:
    """Check a file of prices as a registry does when it starts; what is wrong is named by its key.

    \b
    Example:  promptstage prices check /etc/promptstage/prices.toml
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.outcomes.price_file import read  # noqa: PLC0415 - no other command should wait for pydantic

    count = len(read(file).entries)
    output.say(f"{clean(file, PATH_SHOWN)} is right: {count} {'price' if count == 1 else 'prices'}")


@app.command()
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As calls name it: gpt-5-mini.")],
    *,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its provider; default: it follows from the model.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="PROMPTSTAGE_PRICES",
            help="The operator's prices, which come first.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a model costs now: US dollars for a million tokens, and where the price is from.

    \b
    Example:  promptstage prices show gpt-5-mini
              promptstage prices show our-llama --file /etc/promptstage/prices.toml
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.outcomes.prices import Prices  # noqa: PLC0415 - it loads the list of prices

    found = Prices(file).find(model, provider, datetime.now(UTC))
    if found is None:
        raise NotFound(
            f"the price of {clean(model)} is not known, so its calls count as unpriced; put it into the file "
            "that PROMPTSTAGE_PRICES names"
        )
    shown = _shown(model, found)
    if as_json:
        return output.dump(shown)
    for step in shown["prices"]:
        above = f", for prompts over {step['above']:,} tokens" if step["above"] else ""
        texts = [f"{kind} ${step[kind]}" for kind in ("input", "cached", "output")]
        output.say(f"{', '.join(texts)} a million tokens{above}")
    since = f", since {found.date}" if found.date else ""
    return output.say(f"by {clean(found.source)}{since}")


def _shown(model: str, found: Listed) -> Json:
    steps = ((0, found.rates), *found.rates.longer)
    prices = [_step(above, rates) for above, rates in steps]
    return {"model": model, "source": found.source, "date": found.date, "prices": prices}


def _step(above: int, rates: Rates) -> Json:
    kinds = {"input": rates.input, "cached": rates.cached, "output": rates.output}
    return {"above": above, **{kind: f"{price.normalize():f}" for kind, price in kinds.items()}}
